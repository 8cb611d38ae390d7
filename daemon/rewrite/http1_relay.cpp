#include "daemon/rewrite/http1_relay.h"

#include "daemon/rewrite/limits.h"
#include "daemon/rewrite/request_check.h"

namespace agp::rewrite {

Http1Relay::Http1Relay(Options options, const Rules* rules)
    : options_(std::move(options)), rules_(rules) {}

void Http1Relay::on_bytes(Peer from, Bytes in) {
  if (from_ == From::closed || side(from).ended) {
    return;
  }
  Side& sender = side(from);
  const std::size_t used = sender.parked.empty() ? take(from, in) : 0;
  append(sender.parked, in.subspan(used));
  run();
}

void Http1Relay::on_end(Peer from) {
  side(from).ended = true;
  run();
  if (from_ == From::raw) {
    side(from == Peer::client ? Peer::upstream : Peer::client).wants_close = true;
    return;
  }
  close_if_ended();
}

Buffer Http1Relay::take_output(Peer to) {
  Buffer out = std::move(side(to).out);
  side(to).out.clear();
  // Requests that wait are looked at only while there is room for their answers.
  run();
  return out;
}

bool Http1Relay::wants_read(Peer from) const {
  if (from_ == From::closed) {
    return false;
  }
  if (from == Peer::client) {
    return !client_.ended && upstream_.out.size() < kHighWater && client_.out.size() < kHighWater &&
           client_.parked.size() < kMaxParked;
  }
  return !upstream_.ended && client_.out.size() < kHighWater;
}

bool Http1Relay::wants_close(Peer peer) const {
  return peer == Peer::client ? client_.wants_close : upstream_.wants_close;
}

bool Http1Relay::is_idle() const {
  return from_ == From::closed || (from_ == From::head && !exchange_ &&
                                   request_head_.is_untouched() && client_.parked.empty());
}

void Http1Relay::shut_down() {
  shutting_down_ = true;
  if (is_idle()) {
    close_both();
  } else if (exchange_) {
    exchange_->closes = true;
  }
}

std::vector<Event> Http1Relay::take_events() {
  return std::exchange(events_, {});
}

/// Goes on with octets that had to wait, until neither side can.
void Http1Relay::run() {
  while (run_parked(Peer::client) || run_parked(Peer::upstream)) {
  }
  if (client_.ended || upstream_.ended) {
    close_if_ended();
  }
}

bool Http1Relay::run_parked(Peer from) {
  Side& sender = side(from);
  const bool waits = from == Peer::client && from_ == From::waiting;
  if (sender.parked.empty() || waits || from_ == From::closed) {
    return false;
  }
  const Buffer parked = std::exchange(sender.parked, {});
  const std::size_t used = take(from, parked);
  sender.parked.insert(sender.parked.begin(), parked.begin() + static_cast<std::ptrdiff_t>(used),
                       parked.end());
  return used > 0;
}

/// @return octets used; the rest waits.
std::size_t Http1Relay::take(Peer from, Bytes in) {
  std::size_t used = 0;
  while (used < in.size() && from_ != From::closed) {
    const Bytes rest = in.subspan(used);
    const std::size_t step = from == Peer::client ? take_request(rest) : take_response(rest);
    if (step == 0) {
      break;
    }
    used += step;
  }
  return used;
}

std::size_t Http1Relay::take_request(Bytes in) {
  switch (from_) {
    case From::head: {
      if (client_.out.size() >= kHighWater) {
        return 0;
      }
      const std::size_t used = request_head_.feed(in);
      if (request_head_.fault()) {
        refuse(*request_head_.fault());
      } else if (request_head_.is_done()) {
        on_request_head();
      }
      return used;
    }
    case From::forward:
    case From::hold:
    case From::drain:
      return take_request_body(in);
    case From::raw:
      append(upstream_.out, in);
      return in.size();
    case From::waiting:
    case From::closed:
      return 0;
  }
  return 0;
}

std::size_t Http1Relay::take_request_body(Bytes in) {
  const BodyReader::Step step = request_body_.next(in);
  on_request_data(step.data);
  if (request_body_.fault() && from_ != From::closed) {
    refuse(*request_body_.fault());
    return step.used;
  }
  if (request_body_.is_done() && from_ != From::closed) {
    on_request_body_end();
  }
  return step.used;
}

void Http1Relay::on_request_head() {
  exchange_.emplace();
  Http1Exchange& exchange = *exchange_;
  if (auto fault = check_request(options_, request_head_.take(), &exchange.request)) {
    refuse(*fault);
    return;
  }
  request_head_ = HeadReader(HeadReader::Kind::request);
  const Request& request = exchange.request;
  exchange.closes = request.closes || shutting_down_;
  request_body_ = BodyReader(request.body, 400);

  if (Verdict verdict =
          check_as_understood(*rules_, request.head.method, request.target, request.head.fields);
      !verdict.allowed) {
    block(std::move(verdict));
    return;
  }
  const BodyEdits* edits = rules_->body_edits();
  if (request.is_upgrade && edits != nullptr && !edits->empty()) {
    block(
        {false, "Requests to this host are edited by policy, which a WebSocket would evade.", ""});
    return;
  }
  exchange.edit = plan_edit(edits, request.head.method, request.target, request.head.fields);
  if (exchange.edit.refusal) {
    report(Event::Kind::refused, exchange.edit.refusal->message, exchange.edit.refusal->code);
    answer_locally(*exchange.edit.refusal);
    return;
  }
  if (exchange.edit.applies && exchange.edit.needs_body) {
    if (request.body.framing == Framing::length && request.body.length > kMaxEditedBody) {
      report(Event::Kind::refused, too_large_answer().message, too_large_answer().code);
      answer_locally(too_large_answer());
      return;
    }
    if (request.expects_continue) {
      append(client_.out, as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
      exchange.request.expects_continue = false;
    }
    from_ = From::hold;
  } else {
    if (exchange.edit.applies && exchange.edit.target != request.target) {
      report(Event::Kind::rewritten, "model mapped", rules_->body_edits()->where);
      exchange.request.target = exchange.edit.target;
    }
    forward_head();
    from_ = From::forward;
  }
  if (request_body_.is_done()) {
    on_request_body_end();
  }
}

void Http1Relay::forward_head() {
  const Request& request = exchange_->request;
  std::string line = request.head.method + ' ' + request.target;
  line += request.head.minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  append(upstream_.out, as_bytes(line));
  append_fields(upstream_.out, upstream_fields(options_, *rules_, request));
  append(upstream_.out, as_bytes("\r\n"));
  exchange_->sent = true;
}

void Http1Relay::on_request_data(Bytes data) {
  if (data.empty()) {
    return;
  }
  if (from_ == From::forward) {
    append_body(upstream_.out, exchange_->request.body.framing, data);
  } else if (from_ == From::hold) {
    if (held_.size() + data.size() > kMaxEditedBody) {
      report(Event::Kind::refused, too_large_answer().message, too_large_answer().code);
      append_answer(client_.out, too_large_answer(), true, false);
      close_both();
      return;
    }
    held_ += as_text(data);
  } else {
    drained_ += data.size();
    if (drained_ > kMaxDrain) {
      close_both();
    }
  }
}

void Http1Relay::on_request_body_end() {
  if (from_ == From::hold) {
    send_edited();
    if (from_ != From::hold) {
      return;
    }
  } else if (from_ == From::forward) {
    append_body_end(upstream_.out, exchange_->request.body.framing, request_body_.trailers());
  }
  from_ = From::waiting;
  exchange_->request_done = true;
  end_exchange_if_done();
}

void Http1Relay::send_edited() {
  Http1Exchange& exchange = *exchange_;
  EditedBody edited = edit_body(*rules_->body_edits(), exchange.edit.shape,
                                exchange.edit.content_encoding, as_bytes(held_));
  held_ = {};
  if (edited.refusal) {
    report(Event::Kind::refused, edited.refusal->message, edited.refusal->code);
    answer_locally(*edited.refusal);
    return;
  }
  if (edited.changed || exchange.edit.target != exchange.request.target) {
    report(Event::Kind::rewritten, "request body edited", rules_->body_edits()->where);
  }
  Request& request = exchange.request;
  request.target = exchange.edit.target;
  // Trailers of a body that is no longer chunked have no place; none of the APIs has any.
  request.body = {edited.body.empty() ? Framing::none : Framing::length, edited.body.size(), {}};
  std::erase_if(request.head.fields,
                [](const Field& f) { return same_name(f.name, "content-encoding"); });
  forward_head();
  append(upstream_.out, as_bytes(edited.body));
}

/// The answer is ours; what is left of the request is read away as far as that is worth it.
void Http1Relay::answer_locally(const Answer& answer) {
  Http1Exchange& exchange = *exchange_;
  const Request& request = exchange.request;
  // Who expects 100 and gets something else may leave the body out: where it ends is unknown.
  const bool skips = exchange.request.expects_continue;
  const bool is_long = request.body.framing == Framing::length && request.body.length > kMaxDrain;
  const bool is_drained = request_body_.is_done();
  exchange.closes = exchange.closes || skips || (is_long && !is_drained);
  append_answer(client_.out, answer, exchange.closes, request.head.method == "HEAD");
  exchange.answered = true;
  exchange.response_done = true;
  drained_ = 0;
  if (exchange.closes) {
    close_both();
    return;
  }
  from_ = From::drain;
  if (is_drained) {
    on_request_body_end();
  }
}

void Http1Relay::block(Verdict verdict) {
  report(Event::Kind::blocked, verdict.reason, verdict.where);
  answer_locally(blocked_answer(std::move(verdict.reason), verdict.where));
}

/// The client's octets can no longer be trusted to mean one thing.
void Http1Relay::refuse(const Fault& fault) {
  report(Event::Kind::refused, fault.message, fault.code);
  const bool is_open = exchange_ && exchange_->answered;
  if (!is_open) {
    append_answer(client_.out, answer_for(fault), true, false);
  }
  close_both();
}

std::size_t Http1Relay::take_response(Bytes in) {
  if (from_ == From::raw) {
    append(client_.out, in);
    return in.size();
  }
  if (!exchange_ || !exchange_->sent || exchange_->response_done) {
    refuse_reply({502, "unasked_answer", "The server sent an answer that no request asked for."});
    return in.size();
  }
  if (in_response_body_) {
    return take_response_body(in);
  }
  const std::size_t used = response_head_.feed(in);
  if (response_head_.fault()) {
    refuse_reply(*response_head_.fault());
  } else if (response_head_.is_done()) {
    on_response_head();
  }
  return used;
}

void Http1Relay::on_response_head() {
  const Head head = response_head_.take();
  response_head_ = HeadReader(HeadReader::Kind::response);
  Http1Exchange& exchange = *exchange_;
  const bool is_upgrade = head.status == 101;
  if (is_upgrade && !exchange.request.is_upgrade) {
    refuse_reply({502, "unasked_upgrade", "The server changed to a protocol nobody asked for."});
    return;
  }
  if (head.status < 200 && !is_upgrade) {
    on_interim(head);
    return;
  }
  ResponseFraming framing;
  framing.is_upgrade = is_upgrade;
  framing.body = response_body_shape(head, exchange.request.head.method == "HEAD");
  if (framing.body.fault) {
    refuse_reply(*framing.body.fault);
    return;
  }
  if (is_upgrade) {
    const auto protocols = tokens(head.fields, "upgrade");
    if (protocols.size() != 1 || !same_name(protocols.front(), "websocket")) {
      refuse_reply({502, "unasked_upgrade", "The server changed to a protocol nobody asked for."});
      return;
    }
  }
  exchange.response_framing = framing.body.framing;
  if (exchange.request.head.minor == 0 && framing.body.framing == Framing::chunked) {
    exchange.response_framing = Framing::until_close;
    framing.body.framing = Framing::until_close;
  }
  const bool keeps = head.minor == 1 || has_token(head.fields, "connection", "keep-alive");
  exchange.closes = exchange.closes || shutting_down_ || !keeps ||
                    has_token(head.fields, "connection", "close") ||
                    framing.body.framing == Framing::until_close;
  framing.closes = exchange.closes;
  append(client_.out,
         as_bytes("HTTP/1.1 " + std::to_string(head.status) + ' ' + head.reason + "\r\n"));
  append_fields(client_.out, client_fields(*rules_, head, framing));
  append(client_.out, as_bytes("\r\n"));
  exchange.answered = true;
  has_answered_ = true;
  if (is_upgrade) {
    from_ = From::raw;
    return;
  }
  response_body_ =
      BodyReader(response_body_shape(head, exchange.request.head.method == "HEAD"), 502);
  in_response_body_ = true;
  if (response_body_.is_done()) {
    on_response_body_end();
  }
}

void Http1Relay::on_interim(const Head& head) {
  if (++exchange_->interim > kMaxInterim) {
    refuse_reply({502, "too_many_interim", "The server sent more than 32 interim answers."});
    return;
  }
  if (exchange_->request.head.minor == 0) {
    return;  // HTTP/1.0 knows no interim responses.
  }
  append(client_.out,
         as_bytes("HTTP/1.1 " + std::to_string(head.status) + ' ' + head.reason + "\r\n"));
  append_fields(client_.out, client_fields(*rules_, head, {}));
  append(client_.out, as_bytes("\r\n"));
}

std::size_t Http1Relay::take_response_body(Bytes in) {
  const BodyReader::Step step = response_body_.next(in);
  append_body(client_.out, exchange_->response_framing, step.data);
  if (response_body_.fault()) {
    refuse_reply(*response_body_.fault());
    return in.size();
  }
  if (response_body_.is_done()) {
    append_body_end(client_.out, exchange_->response_framing, response_body_.trailers());
    on_response_body_end();
  }
  return step.used;
}

void Http1Relay::on_response_body_end() {
  in_response_body_ = false;
  exchange_->response_done = true;
  if (exchange_->closes && !exchange_->request_done) {
    close_both();  // Nobody is left to take the rest of the request.
    return;
  }
  end_exchange_if_done();
}

/// Upstream's octets can no longer be trusted to mean one thing.
void Http1Relay::refuse_reply(const Fault& fault) {
  report(Event::Kind::bad_reply, fault.message, fault.code);
  if (exchange_ && exchange_->sent && !exchange_->answered) {
    Fault answer = fault;
    answer.status = 502;
    append_answer(client_.out, answer_for(answer), true, exchange_->request.head.method == "HEAD");
  }
  close_both();
}

void Http1Relay::end_exchange_if_done() {
  if (!exchange_ || !exchange_->request_done || !exchange_->response_done) {
    return;
  }
  const bool closes = exchange_->closes || shutting_down_;
  exchange_.reset();
  from_ = From::head;
  if (closes) {
    close_both();
  }
}

/// What the end of one side's octets means depends on where it came.
void Http1Relay::close_if_ended() {
  if (from_ == From::closed || from_ == From::raw) {
    return;
  }
  if (upstream_.ended && upstream_.parked.empty()) {
    if (in_response_body_ && response_body_.ends_with_connection()) {
      on_response_body_end();
    } else if (exchange_ && exchange_->sent && !exchange_->answered) {
      // After an earlier answer this is the race of a kept-alive connection: the client sees what
      // it would see without us, and repeats the request.
      if (!has_answered_ || !response_head_.is_untouched()) {
        refuse_reply({502, "no_answer", "The server closed the connection without an answer."});
      }
    }
    close_both();
    return;
  }
  const bool is_waiting = exchange_ && (exchange_->request_done || exchange_->response_done);
  if (client_.ended && !is_waiting && (client_.parked.empty() || from_ != From::head)) {
    close_both();  // In the middle of a request, or between two.
  }
}

void Http1Relay::close_both() {
  from_ = From::closed;
  client_.wants_close = true;
  upstream_.wants_close = true;
  client_.parked = {};
  upstream_.parked = {};
  held_ = {};
  exchange_.reset();
}

void Http1Relay::report(Event::Kind kind, std::string_view reason, std::string_view where) {
  Event event{kind, {}, {}, std::string(reason), std::string(where)};
  if (exchange_) {
    event.method = exchange_->request.head.method;
    event.path = path_of(exchange_->request.target);
  }
  events_.push_back(std::move(event));
}

}  // namespace agp::rewrite
