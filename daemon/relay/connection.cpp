#include "daemon/relay/connection.h"

#include "daemon/relay/refusal.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace agp::relay {
namespace {

// What upstream may say before the client's handshake is done (an HTTP/2 server sends its
// settings).
constexpr std::size_t kMaxEarly = 256U << 10U;

Side other(Side side) {
  return side == Side::client ? Side::upstream : Side::client;
}

}  // namespace

const char* to_string(Hello::Why why) {
  switch (why) {
    case Hello::Why::named:
      return "named";
    case Hello::Why::no_sni:
      return "no server name";
    case Hello::Why::ech:
      return "encrypted ClientHello";
    case Hello::Why::ip_literal:
      return "address in place of a server name";
    case Hello::Why::not_tls:
      return "not TLS";
    case Hello::Why::malformed:
      return "unreadable ClientHello";
  }
  return "unknown";
}

Connection::Connection(ConnectionFacts facts,
                       Surroundings* surroundings,
                       tls::Scratch* scratch,
                       Entry entry)
    : facts_(std::move(facts)),
      surroundings_(surroundings),
      scratch_(scratch),
      entry_(std::move(entry)),
      introduction_(entry_.cleartext_host),
      upstream_(surroundings, scratch) {}

std::optional<tls::Engine>& Connection::engine(Side side) {
  return side == Side::client ? client_engine_ : upstream_.engine();
}

const std::optional<tls::Engine>& Connection::engine(Side side) const {
  return side == Side::client ? client_engine_ : upstream_.engine();
}

void Connection::collect_output(Side side) {
  auto& from = engine(side);
  if (!from) {
    return;
  }
  auto& to = output(side);
  Buffer made = from->take_output();
  if (to.empty()) {
    to = std::move(made);
  } else {
    append(to, made);
  }
}

Buffer Connection::take_output(Side to) {
  pull_rewritten(to);
  collect_output(to);
  return std::exchange(output(to), {});
}

std::optional<Command> Connection::next_command() {
  if (commands_.empty()) {
    return std::nullopt;
  }
  Command first = std::move(commands_.front());
  commands_.erase(commands_.begin());
  return first;
}

std::optional<usage::Record> Connection::next_record() {
  return observer_ ? observer_->next_record() : std::nullopt;
}

std::size_t Connection::open_calls() const {
  return observer_ ? observer_->open_calls() : 0;
}

void Connection::report(Report::Kind kind, std::string detail) {
  commands_.emplace_back(Report{kind, facts_.host, std::move(detail), Hello::Why::named});
}

// Before the client's handshake: an alert, then FIN; upstream is reset, it saw nothing of ours
// but a handshake.
void Connection::refuse(Report::Kind kind, std::uint8_t alert, std::string detail) {
  report(kind, std::move(detail));
  if (is_cleartext(Side::client)) {
    const auto& offers = introduction_.offers();
    append(to_client_, cleartext_refusal(!offers.empty() && offers[0] == kHttp2));
  } else {
    append(to_client_, plaintext_alert(alert));
  }
  commands_.emplace_back(HalfClose{Side::client});
  phase_ = Phase::closed;
}

// In the middle of a stream there is nothing to say any more: both sides see a reset.
void Connection::break_off(const Error& error, usage::Micros now) {
  report(Report::Kind::stream_broken, error.text());
  observe(now);
  commands_.emplace_back(Abort{});
  finish(End::ours, now);
}

void Connection::on_bytes(Side from, Bytes in, usage::Micros now) {
  assert(!unobserved_);
  latest_ = now;
  switch (phase_) {
    case Phase::hello:
      if (from == Side::client) {
        on_hello_bytes(in, now);
      }
      return;
    case Phase::opening:
      hold(in);
      return;
    case Phase::upstream_handshake:
      if (from == Side::client) {
        hold(in);
      } else {
        on_upstream_handshake(in, now);
      }
      return;
    case Phase::client_handshake:
      if (from == Side::client) {
        on_client_handshake(in, now);
      } else if (auto fed = engine(from)->feed(in, early_); !fed) {
        break_off(fed.error(), now);
      } else if (upstream_.keep_session(now); early_.size() > kMaxEarly) {
        break_off(Error{make_error_code(boost::system::errc::no_buffer_space),
                        "upstream sends before the client's handshake is done"},
                  now);
      }
      return;
    case Phase::relaying:
      relay(from, in, now);
      return;
    case Phase::tunnelling:
      append(output(other(from)), in);
      return;
    case Phase::closed:
      return;
  }
}

void Connection::hold(Bytes in) {
  if (!introduction_.hold(in)) {
    report(Report::Kind::client_failed, "the client sends too much before its handshake");
    commands_.emplace_back(Abort{});
    phase_ = Phase::closed;
  }
}

void Connection::on_hello_bytes(Bytes in, usage::Micros now) {
  if (const auto hello = introduction_.feed(in)) {
    decide(*hello, now);
  }
}

void Connection::decide(const Hello& hello, usage::Micros now) {
  facts_.host = hello.host.value_or("");
  decision_ = surroundings_->decide(hello, entry_.destination, now);
  if (hello.why != Hello::Why::named) {
    commands_.emplace_back(
        Report{Report::Kind::unnamed, facts_.host, to_string(hello.why), hello.why});
  }
  // A client by cleartext means our own address: upstream must get its own name.
  decision_.rewrite = decision_.rewrite || is_cleartext(Side::client);
  const bool has_offered = !introduction_.offers().empty();
  if (decision_.disposition == Disposition::inspect && decision_.rewrite) {
    introduction_.offer_only_http();
  }
  // A leaf is made out to a name.
  assert(decision_.disposition != Disposition::inspect || hello.host);
  switch (decision_.disposition) {
    case Disposition::block:
      refuse(Report::Kind::blocked, kAlertAccessDenied,
             decision_.reason.empty() ? "policy blocks this host" : decision_.reason);
      return;
    case Disposition::tunnel:
      report(Report::Kind::tunnelled, decision_.reason);
      break;
    case Disposition::inspect:
      if (decision_.rewrite && has_offered && introduction_.offers().empty()) {
        refuse(Report::Kind::no_common_protocol, kAlertNoApplicationProtocol,
               "policy has rules for this host, and the client speaks no HTTP that they can be "
               "applied to");
        return;
      }
      break;
  }
  phase_ = Phase::opening;
  commands_.emplace_back(OpenUpstream{decision_.disposition, facts_.host});
}

void Connection::on_upstream_open(const Result<>& opened, usage::Micros now) {
  assert(phase_ == Phase::opening);
  if (!opened) {
    if (is_cleartext(Side::client)) {
      refuse(Report::Kind::upstream_unreachable, kAlertInternalError, opened.error().text());
      return;
    }
    report(Report::Kind::upstream_unreachable, opened.error().text());
    // A refused or unreachable server is a reset to the client, as it would be without us.
    commands_.emplace_back(Abort{});
    phase_ = Phase::closed;
    return;
  }
  // A cleartext client cannot be tunnelled to a TLS server; it is relayed unread instead.
  if (decision_.disposition == Disposition::tunnel && !is_cleartext(Side::client)) {
    to_upstream_ = introduction_.take_octets();
    phase_ = Phase::tunnelling;
    return;
  }
  phase_ = Phase::upstream_handshake;
  if (auto begun = upstream_.open(facts_.host, introduction_.offers(), now); !begun) {
    on_upstream_failure(begun.error());
  }
}

void Connection::prepare_answer(usage::Micros now) {
  if (phase_ == Phase::upstream_handshake && !is_cleartext(Side::client)) {
    early_answer_.compute(surroundings_, &scratch_->spare, facts_.host, upstream_.likely_protocol(),
                          introduction_.octets(), now);
  }
}

void Connection::on_upstream_handshake(Bytes in, usage::Micros now) {
  const auto is_verified = upstream_.on_handshake(in, early_, now);
  if (!is_verified) {
    on_upstream_failure(is_verified.error());
  } else if (*is_verified) {
    facts_.protocol = engine(Side::upstream)->alpn();
    if (is_cleartext(Side::client)) {
      start_cleartext(now);
    } else {
      start_client_handshake(now);
    }
  }
}

// The client is told in upstream's own words where upstream said something (RFC 7301 section 3.2
// asks for no_application_protocol), and internal_error where it is we who refuse.
void Connection::on_upstream_failure(const Error& error) {
  if (error.code == tls::EngineErrc::no_application_protocol) {
    refuse(Report::Kind::no_common_protocol, kAlertNoApplicationProtocol,
           "upstream takes none of the protocols that the client offers");
    return;
  }
  refuse(Report::Kind::upstream_refused, upstream_.peer_alert().value_or(kAlertInternalError),
         error.text());
}

void Connection::start_cleartext(usage::Micros now) {
  // Prior knowledge leaves nothing to negotiate: what the client speaks must be what upstream
  // chose; upstream without ALPN speaks HTTP/1.1.
  const std::string_view chosen = facts_.protocol.empty() ? kHttp11 : facts_.protocol;
  const std::string& spoken = introduction_.offers().at(0);
  if (chosen != spoken) {
    refuse(Report::Kind::no_common_protocol, kAlertNoApplicationProtocol,
           "the client speaks " + spoken + " and upstream does not");
    return;
  }
  start_relaying(now);
  if (phase_ == Phase::relaying) {
    scratch_->plaintext.append(introduction_.take_octets());
    pass_on(Side::client, now);
    observe(now);
    relay_early(now);
  }
}

void Connection::start_client_handshake(usage::Micros now) {
  client_engine_ = early_answer_.take(facts_.protocol);
  if (!client_engine_) {
    const auto identity = surroundings_->identity(facts_.host, now);
    if (!identity) {
      refuse(Report::Kind::leaf_failed, kAlertInternalError, identity.error().text());
      return;
    }
    auto made = tls::Engine::server(*identity, facts_.protocol);
    if (!made) {
      refuse(Report::Kind::leaf_failed, kAlertInternalError, made.error().text());
      return;
    }
    client_engine_ = std::move(*made);
    client_engine_->use_spare_buffers(&scratch_->spare);
  }
  phase_ = Phase::client_handshake;
  const Buffer said = introduction_.take_octets();
  on_client_handshake(Bytes(said).subspan(early_answer_.read()), now);
}

void Connection::on_client_handshake(Bytes in, usage::Micros now) {
  scratch_->plaintext.clear();
  if (auto fed = client_engine_->feed(in, scratch_->plaintext); !fed) {
    on_client_failure(fed.error(), now);
    return;
  }
  if (!client_engine_->is_ready()) {
    return;
  }
  start_relaying(now);
  if (phase_ != Phase::relaying) {
    return;
  }
  // The client's Finished and its first request often share a segment.
  pass_on(Side::client, now);
  if (!early_.empty()) {
    observe(now);
    relay_early(now);
  }
}

// An HTTP/2 server speaks first. Its octets go out now and are read without delay.
void Connection::relay_early(usage::Micros now) {
  if (!early_.empty() && phase_ == Phase::relaying) {
    scratch_->plaintext.append(std::exchange(early_, {}));
    pass_on(Side::upstream, now);
  }
}

void Connection::on_client_failure(const Error& error, usage::Micros now) {
  auto kind = Report::Kind::client_failed;
  if (client_engine_->has_refused_certificate()) {
    kind = Report::Kind::client_refused;
    surroundings_->on_client_refused(facts_.host, now);
  } else if (error.code == tls::EngineErrc::no_application_protocol) {
    kind = Report::Kind::no_common_protocol;
  }
  report(kind, error.text());
  commands_.emplace_back(HalfClose{Side::client});  // after the alert that the engine queued
  phase_ = Phase::closed;
}

bool Connection::start_rewriting() {
  rewrite::Options options;
  options.host = facts_.host;
  if (is_cleartext(Side::client)) {
    options.sets_authority = true;
    options.scheme = "http";
    if (entry_.cleartext_port != options.port) {
      options.host += ':' + std::to_string(entry_.cleartext_port);
    }
  }
  const auto protocol =
      facts_.protocol == kHttp2 ? rewrite::Protocol::http2 : rewrite::Protocol::http1;
  return rewriting_.start(surroundings_, protocol, std::move(options));
}

void Connection::start_relaying(usage::Micros now) {
  if (decision_.rewrite && !start_rewriting()) {
    break_off(Error{make_error_code(boost::system::errc::not_supported),
                    "policy has rules for this host that cannot be applied here"},
              now);
    return;
  }
  phase_ = Phase::relaying;
  report(Report::Kind::intercepted,
         std::string(engine(Side::upstream)->version()) + ' ' + facts_.protocol);
  if (decision_.disposition == Disposition::inspect) {
    observer_.emplace(facts_, surroundings_->reader_maker());
  }
}

void Connection::relay(Side from, Bytes in, usage::Micros now) {
  if (is_cleartext(from)) {
    scratch_->plaintext.clear();
    scratch_->plaintext.append(in);
    pass_on(from, now);
    return;
  }
  scratch_->plaintext.clear();
  auto fed = engine(from)->feed(in, scratch_->plaintext);
  if (from == Side::upstream) {
    upstream_.keep_session(now);
  }
  pass_on(from, now);
  if (!fed && phase_ == Phase::relaying) {
    break_off(fed.error(), now);
  }
}

bool Connection::send(Side to, Bytes plaintext, usage::Micros now) {
  if (is_cleartext(to)) {
    append(to_client_, plaintext);
    return true;
  }
  if (auto written = engine(to)->write(plaintext); !written) {
    break_off(written.error(), now);
    return false;
  }
  return true;
}

// Sends what is in scratch_ on to the other side, and its close_notify once it has come.
void Connection::pass_on(Side from, usage::Micros now) {
  if (!scratch_->plaintext.empty()) {
    unobserved_ = from;
    if (rewriting_.is_on()) {
      rewriting_.on_bytes(from, scratch_->plaintext.bytes(), now);
      if (from == Side::client) {
        // The reader gets what upstream gets, not what the client sent.
        unobserved_.reset();
        scratch_->plaintext.clear();
      }
      report_rewriting();
    } else if (!send(other(from), scratch_->plaintext.bytes(), now)) {
      return;
    }
  }
  if (phase_ == Phase::relaying) {
    pass_close_on(from);
  }
}

// The relay gives out what the other side can take now, and keeps the rest: that is what its flow
// control and wants_read go by.
void Connection::pull_rewritten(Side to) {
  if (!rewriting_.is_on() || phase_ != Phase::relaying || ends(to).is_closing) {
    return;
  }
  const Buffer made = rewriting_.take_output(to, observer_.has_value());
  if (!made.empty()) {
    (void)send(to, made, latest_);  // a failure has broken the connection off
    return;
  }
  if (!rewriting_.wants_close(to)) {
    return;
  }
  ends(to).is_closing = true;
  if (to == Side::client && rewriting_.is_cut_off() && is_cleartext(to)) {
    // Without TLS only a reset tells a truncation from an end.
    commands_.emplace_back(Abort{});
    finish(End::abrupt, latest_);
    return;
  }
  if (engine(to) && !(to == Side::client && rewriting_.is_cut_off())) {
    engine(to)->close();
  }
  commands_.emplace_back(HalfClose{to});
  if (ends(other(to)).is_closing) {
    collect_output(Side::client);
    collect_output(Side::upstream);
    observe(latest_);
    finish(End::clean, latest_);
  }
}

void Connection::end_rewritten(Side from) {
  if (!ends(from).is_close_passed) {
    ends(from).is_close_passed = true;
    rewriting_.on_end(from, has_closed(from));
    report_rewriting();
  }
}

void Connection::report_rewriting() {
  for (auto& made : rewriting_.take_reports(facts_.host)) {
    commands_.emplace_back(std::move(made));
  }
}

bool Connection::has_closed(Side side) const {
  return is_cleartext(side) ? client_ends_.is_done : engine(side)->has_peer_closed();
}

void Connection::pass_close_on(Side from) {
  auto& passed = ends(from).is_close_passed;
  if (passed || !has_closed(from)) {
    return;
  }
  if (rewriting_.is_on()) {
    end_rewritten(from);
    return;
  }
  passed = true;
  if (is_cleartext(other(from))) {
    commands_.emplace_back(HalfClose{Side::client});  // its only way to hear of an end
  } else {
    engine(other(from))->close();
  }
}

void Connection::observe(usage::Micros now) {
  if (observer_) {
    if (rewriting_.has_sent_upstream()) {
      observer_->on_bytes(Side::client, rewriting_.take_sent_upstream(), now);
    }
    if (unobserved_ && !scratch_->plaintext.empty()) {
      observer_->on_bytes(*unobserved_, scratch_->plaintext.bytes(), now);
    }
    observe_closes(now);
    if (!is_unparsed_reported_ && observer_->is_unparsed()) {
      is_unparsed_reported_ = true;
      report(Report::Kind::unparsed, facts_.protocol);
    }
  }
  unobserved_.reset();
  scratch_->plaintext.clear();
}

// What counts is the close_notify and not the FIN: a client that is passed it may be gone before
// upstream's FIN is here, and what upstream ended whole would look cut off.
void Connection::observe_closes(usage::Micros now) {
  if (rewriting_.is_on()) {
    return;  // what is closed may still hold octets back
  }
  for (const Side side : {Side::client, Side::upstream}) {
    if (!is_cleartext(side) && has_closed(side)) {
      observe_end(side, End::clean, now);
    }
  }
}

void Connection::observe_end(Side from, End how, usage::Micros now) {
  if (observer_ && !ends(from).is_observed) {
    ends(from).is_observed = true;
    observer_->on_end(from, how, now);
  }
}

bool Connection::is_idle() const {
  switch (phase_) {
    case Phase::relaying:
      return (observer_ || rewriting_.is_on()) && (!observer_ || observer_->is_idle()) &&
             (!rewriting_.is_on() || rewriting_.is_idle());
    case Phase::closed:
      return true;
    case Phase::hello:
    case Phase::opening:
    case Phase::upstream_handshake:
    case Phase::client_handshake:
    case Phase::tunnelling:
      return false;
  }
  return false;
}

bool Connection::wants_read(Side from) const {
  if (phase_ == Phase::opening) {
    return false;
  }
  return !rewriting_.is_on() || rewriting_.wants_read(from);
}

void Connection::on_eof(Side from, usage::Micros now) {
  assert(!unobserved_);
  latest_ = now;
  if (phase_ == Phase::closed) {
    return;
  }
  if (phase_ != Phase::relaying && phase_ != Phase::tunnelling) {
    // Nothing can come of half a handshake.
    if (from == Side::upstream && !client_engine_) {
      refuse(Report::Kind::upstream_refused, kAlertInternalError,
             "upstream closed the connection during the handshake");
    } else {
      if (phase_ == Phase::client_handshake && from == Side::client) {
        report_client_refused("left", now);
      }
      commands_.emplace_back(Abort{});
      phase_ = Phase::closed;
    }
    return;
  }
  ends(from).is_done = true;
  if (phase_ == Phase::relaying) {
    const bool is_clean = has_closed(from);
    observe_end(from, is_clean ? End::clean : End::abrupt, now);
    if (rewriting_.is_on()) {
      // The relay says when and how the other side ends.
      end_rewritten(from);
      return;
    }
    if (from == Side::upstream && is_cleartext(Side::client) && !is_clean) {
      // Without TLS only a reset tells a truncation from an end.
      commands_.emplace_back(Abort{});
      finish(End::abrupt, now);
      return;
    }
    if (is_cleartext(from)) {
      pass_close_on(from);
    }
  }
  // FIN without close_notify stays FIN without close_notify: a truncation must look like one.
  commands_.emplace_back(HalfClose{other(from)});
  if (client_ends_.is_done && upstream_ends_.is_done) {
    phase_ = Phase::closed;
  }
}

// A client need not say why it does not go on.
void Connection::report_client_refused(std::string what, usage::Micros now) {
  report(Report::Kind::client_refused,
         "the client " + what + " after it saw our certificate; does it trust our issuer?");
  surroundings_->on_client_refused(facts_.host, now);
}

void Connection::on_reset(Side from, usage::Micros now) {
  // A failed write can say so between on_bytes and observe: what had come in by then still counts.
  observe(now);
  if (phase_ == Phase::closed) {
    return;
  }
  if (phase_ == Phase::client_handshake && from == Side::client) {
    report_client_refused("reset the connection", now);
  } else if (phase_ == Phase::upstream_handshake && from == Side::upstream) {
    report(Report::Kind::upstream_refused, "upstream reset the connection during the handshake");
  }
  commands_.emplace_back(Abort{});
  finish(End::abrupt, now, from);
}

void Connection::on_timeout(usage::Micros now) {
  if (phase_ == Phase::closed) {
    return;
  }
  if (phase_ == Phase::opening || phase_ == Phase::upstream_handshake) {
    refuse(Report::Kind::upstream_unreachable, kAlertInternalError, "timed out");
    return;
  }
  commands_.emplace_back(Abort{});
  finish(End::ours, now);
}

void Connection::end_idle(usage::Micros now) {
  latest_ = now;
  if (phase_ != Phase::relaying && phase_ != Phase::tunnelling) {
    return;
  }
  if (rewriting_.is_on()) {
    rewriting_.shut_down();  // take_output finds out that both sides are to be closed
    return;
  }
  for (const Side side : {Side::client, Side::upstream}) {
    if (engine(side)) {
      engine(side)->close();
    }
    commands_.emplace_back(HalfClose{side});
  }
  finish(End::clean, now);
}

bool Connection::is_unparsed() const {
  return phase_ == Phase::relaying && observer_ && observer_->is_unparsed();
}

void Connection::finish(End how, usage::Micros now, Side first) {
  for (const Side side : {first, other(first)}) {
    observe_end(side, how, now);
  }
  phase_ = Phase::closed;
}

}  // namespace agp::relay
