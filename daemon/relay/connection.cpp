#include "daemon/relay/connection.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace agp::relay {
namespace {

// RFC 8446 section 6.
constexpr std::uint8_t kAlertAccessDenied = 49;
constexpr std::uint8_t kAlertInternalError = 80;
constexpr std::uint8_t kAlertNoApplicationProtocol = 120;

constexpr const char* kHttp11 = "http/1.1";

// A fatal alert as a plaintext record, which is what alerts are before keys exist. It tells the
// client at once and in its own words what would otherwise look like a hanging or broken server.
Buffer plaintext_alert(std::uint8_t description) {
  return {21, 3, 3, 0, 2, 2, description};
}

Side other(Side side) {
  return side == Side::client ? Side::upstream : Side::client;
}

}  // namespace

Connection::Connection(ConnectionFacts facts, Surroundings* surroundings, Buffer* scratch)
    : facts_(std::move(facts)),
      surroundings_(surroundings),
      scratch_(scratch),
      hello_reader_(std::make_unique<tls::ClientHelloReader>()) {
  facts_.protocol = kHttp11;
}

std::optional<tls::Engine>& Connection::engine(Side side) {
  return side == Side::client ? client_engine_ : upstream_engine_;
}

void Connection::collect_output(Side side) {
  auto& from = engine(side);
  if (!from) {
    return;
  }
  auto& to = side == Side::client ? to_client_ : to_upstream_;
  Buffer made = from->take_output();
  if (to.empty()) {
    to = std::move(made);
  } else {
    append(to, made);
  }
}

Buffer Connection::take_output(Side to) {
  collect_output(to);
  return std::exchange(to == Side::client ? to_client_ : to_upstream_, {});
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

void Connection::report(Report::Kind kind, std::string detail) {
  commands_.emplace_back(Report{kind, facts_.host, std::move(detail)});
}

// Before the client's handshake: an alert, then FIN; upstream is reset, it saw nothing of ours
// but a handshake.
void Connection::refuse(Report::Kind kind, std::uint8_t alert, std::string detail) {
  report(kind, std::move(detail));
  append(to_client_, plaintext_alert(alert));
  commands_.emplace_back(HalfClose{Side::client});
  phase_ = Phase::closed;
}

void Connection::on_bytes(Side from, Bytes in, usage::Micros now) {
  assert(!unobserved_);
  switch (phase_) {
    case Phase::hello:
      if (from == Side::client) {
        on_hello_bytes(in);
      }
      return;
    case Phase::opening:
      append(hello_, in);  // the driver reads nothing meanwhile, so this stays within one read
      return;
    case Phase::upstream_handshake:
      if (from == Side::client) {
        append(hello_, in);
      } else {
        on_upstream_handshake(in, now);
      }
      return;
    case Phase::client_handshake:
      if (from == Side::client) {
        on_client_handshake(in, now);
      } else if (auto fed = upstream_engine_->feed(in, early_); !fed) {
        report(Report::Kind::stream_broken, fed.error().text());
        commands_.emplace_back(Abort{});
        phase_ = Phase::closed;
      }
      return;
    case Phase::relaying:
      relay(from, in, now);
      return;
    case Phase::tunnelling:
      append(from == Side::client ? to_upstream_ : to_client_, in);
      return;
    case Phase::closed:
      return;
  }
}

void Connection::on_hello_bytes(Bytes in) {
  append(hello_, in);
  auto fed = hello_reader_->feed(in);
  if (!fed) {
    // Not TLS, or a hello that we cannot read: what the client and the server make of it is their
    // business. Policy for "no name" decides.
    decide(std::nullopt, {});
    return;
  }
  if (*fed == tls::ClientHelloReader::Progress::done) {
    const tls::ClientHello hello = hello_reader_->hello();
    decide(hello.server_name, hello.alpn);
  }
}

void Connection::decide(const std::optional<std::string>& host,
                        const std::vector<std::string>& offers) {
  hello_reader_.reset();
  facts_.host = host.value_or("");
  const auto disposition = surroundings_->decide(host);
  switch (disposition) {
    case Disposition::block:
      refuse(Report::Kind::blocked, kAlertAccessDenied, "policy blocks this host");
      return;
    case Disposition::inspect:
      // HTTP/1.1 is what the reader of this version understands. A client that offers it among
      // others gets it; one that does not is told so (RFC 7301), which beats traffic that nobody
      // has counted.
      if (!offers.empty() && std::find(offers.begin(), offers.end(), kHttp11) == offers.end()) {
        refuse(Report::Kind::no_common_protocol, kAlertNoApplicationProtocol,
               "the client does not offer http/1.1");
        return;
      }
      if (!offers.empty()) {
        offers_ = {kHttp11};
      }
      break;
    case Disposition::tunnel:
      break;
  }
  phase_ = Phase::opening;
  commands_.emplace_back(OpenUpstream{disposition, facts_.host});
  if (disposition == Disposition::tunnel) {
    report(Report::Kind::tunnelled, {});
  }
  is_tunnel_ = disposition == Disposition::tunnel;
}

void Connection::on_upstream_open(const Result<>& opened, usage::Micros now) {
  assert(phase_ == Phase::opening);
  if (!opened) {
    report(Report::Kind::upstream_unreachable, opened.error().text());
    // A refused or unreachable server is a reset to the client, as it would be without us.
    commands_.emplace_back(Abort{});
    phase_ = Phase::closed;
    return;
  }
  if (is_tunnel_) {
    to_upstream_ = std::exchange(hello_, {});
    phase_ = Phase::tunnelling;
    return;
  }
  auto made = tls::Engine::client(surroundings_->upstream_context(), facts_.host, offers_);
  if (!made) {
    refuse(Report::Kind::upstream_refused, kAlertInternalError, made.error().text());
    return;
  }
  upstream_engine_ = std::move(*made);
  phase_ = Phase::upstream_handshake;
  if (auto step = upstream_engine_->handshake(); !step) {
    refuse(Report::Kind::upstream_refused, kAlertInternalError, step.error().text());
  }
  (void)now;
}

void Connection::on_upstream_handshake(Bytes in, usage::Micros now) {
  if (auto fed = upstream_engine_->feed(in, early_); !fed) {
    refuse(Report::Kind::upstream_refused, kAlertInternalError, fed.error().text());
    return;
  }
  if (upstream_engine_->is_ready()) {
    start_client_handshake(now);
  }
}

void Connection::start_client_handshake(usage::Micros now) {
  auto leaf = surroundings_->leaf_context(facts_.host, now);
  if (!leaf) {
    refuse(Report::Kind::leaf_failed, kAlertInternalError, leaf.error().text());
    return;
  }
  leaf_ = std::move(*leaf);
  auto made = tls::Engine::server(leaf_.get(), upstream_engine_->alpn());
  if (!made) {
    refuse(Report::Kind::leaf_failed, kAlertInternalError, made.error().text());
    return;
  }
  client_engine_ = std::move(*made);
  phase_ = Phase::client_handshake;
  const Buffer hello = std::exchange(hello_, {});
  on_client_handshake(hello, now);
}

void Connection::on_client_handshake(Bytes in, usage::Micros now) {
  scratch_->clear();
  if (auto fed = client_engine_->feed(in, *scratch_); !fed) {
    const auto kind = fed.error().code == tls::EngineErrc::no_application_protocol
                          ? Report::Kind::no_common_protocol
                          : Report::Kind::client_refused;
    report(kind, fed.error().text());
    commands_.emplace_back(HalfClose{Side::client});  // after the alert that the engine queued
    phase_ = Phase::closed;
    return;
  }
  if (!client_engine_->is_ready()) {
    return;
  }
  start_relaying();
  // The client's Finished and its first request often share a segment.
  pass_on(Side::client, now);
  if (!early_.empty() && phase_ == Phase::relaying) {
    // Rare: upstream spoke first. Its octets go out now and are read without delay.
    observe(now);
    *scratch_ = std::exchange(early_, {});
    pass_on(Side::upstream, now);
  }
}

void Connection::start_relaying() {
  phase_ = Phase::relaying;
  report(Report::Kind::intercepted, std::string(upstream_engine_->version()));
  observer_.emplace(facts_);
}

void Connection::relay(Side from, Bytes in, usage::Micros now) {
  scratch_->clear();
  auto fed = engine(from)->feed(in, *scratch_);
  pass_on(from, now);
  if (!fed && phase_ == Phase::relaying) {
    report(Report::Kind::stream_broken, fed.error().text());
    observe(now);
    commands_.emplace_back(Abort{});
    finish(End::abrupt, now);
  }
}

// Sends what is in scratch_ on to the other side, and its close_notify once it has come.
void Connection::pass_on(Side from, usage::Micros now) {
  if (!scratch_->empty()) {
    unobserved_ = from;
    if (auto written = engine(other(from))->write(*scratch_); !written) {
      report(Report::Kind::stream_broken, written.error().text());
      observe(now);
      commands_.emplace_back(Abort{});
      finish(End::abrupt, now);
      return;
    }
  }
  bool& passed_on = from == Side::client ? client_close_passed_on_ : upstream_close_passed_on_;
  if (engine(from)->has_peer_closed() && !passed_on) {
    passed_on = true;
    engine(other(from))->close();
  }
}

void Connection::observe(usage::Micros now) {
  if (unobserved_ && observer_) {
    observer_->on_bytes(*unobserved_, *scratch_, now);
  }
  unobserved_.reset();
  scratch_->clear();
}

void Connection::on_eof(Side from, usage::Micros now) {
  assert(!unobserved_);
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
        report(Report::Kind::client_refused, "the client left during the handshake");
      }
      commands_.emplace_back(Abort{});
      phase_ = Phase::closed;
    }
    return;
  }
  (from == Side::client ? client_done_ : upstream_done_) = true;
  if (observer_) {
    observer_->on_end(from, engine(from)->has_peer_closed() ? End::clean : End::abrupt, now);
  }
  // FIN without close_notify stays FIN without close_notify: a truncation must look like one.
  commands_.emplace_back(HalfClose{other(from)});
  if (client_done_ && upstream_done_) {
    phase_ = Phase::closed;
  }
}

void Connection::on_reset(Side from, usage::Micros now) {
  // A failed write can say so between on_bytes and observe: what had come in by then still counts.
  observe(now);
  if (phase_ == Phase::closed) {
    return;
  }
  if (phase_ == Phase::client_handshake && from == Side::client) {
    report(Report::Kind::client_refused, "the client reset the connection during the handshake");
  } else if (phase_ == Phase::upstream_handshake && from == Side::upstream) {
    report(Report::Kind::upstream_refused, "upstream reset the connection during the handshake");
  }
  commands_.emplace_back(Abort{});
  finish(End::abrupt, now);
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
  finish(End::abrupt, now);
}

void Connection::finish(End how, usage::Micros now) {
  if (observer_) {
    if (!client_done_) {
      observer_->on_end(Side::client, how, now);
    }
    if (!upstream_done_) {
      observer_->on_end(Side::upstream, how, now);
    }
  }
  phase_ = Phase::closed;
}

}  // namespace agp::relay
