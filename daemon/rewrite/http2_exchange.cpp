// The way of one request and its answer through the relay.
#include "daemon/rewrite/http2_message.h"
#include "daemon/rewrite/http2_relay.h"
#include "daemon/rewrite/limits.h"
#include "daemon/rewrite/request_check.h"

#include <algorithm>
#include <utility>

namespace agp::rewrite {

void Http2Relay::on_request(Stream* stream, bool has_body) {
  stream->method = value_of(stream->fields, ":method");
  stream->path = path_of(value_of(stream->fields, ":path"));
  stream->to_upstream.ended = !has_body;
  stream->grpc_type = grpc_type(stream->fields);
  if (stream->too_large) {
    refuse(stream, bad_request(431, "fields_too_large",
                               "The header fields are more than 100 or larger than 64 KiB."));
    return;
  }
  if (const auto wrong = check_request(options_, &stream->fields)) {
    refuse(stream, *wrong);
    return;
  }
  const std::string target = value_of(stream->fields, ":path");
  const bool is_websocket = find(stream->fields, ":protocol") != nullptr;
  // The bootstrap of a WebSocket is a GET to everybody who writes rules (RFC 8441, section 4).
  const std::string judged = is_websocket ? "GET" : stream->method;
  Verdict verdict = check_as_understood(*rules_, judged, target, stream->fields);
  const BodyEdits* edits = rules_->body_edits();
  if (verdict.allowed && is_websocket && edits != nullptr && !edits->empty()) {
    verdict = {false, "Requests to this host are edited by policy, which a WebSocket would evade.",
               ""};
  }
  if (!verdict.allowed) {
    report(Event::Kind::blocked, stream, verdict.reason, verdict.where);
    answer(stream, blocked_answer(verdict.reason, verdict.where));
    return;
  }
  stream->edit = plan_edit(edits, stream->method, target, stream->fields);
  if (stream->edit.refusal) {
    refuse(stream, *stream->edit.refusal);
    return;
  }
  if (!stream->edit.applies || !stream->edit.needs_body) {
    forward(stream);
    return;
  }
  stream->holds = true;
  if (has_body && find(stream->fields, "expect") != nullptr) {
    const Fields interim = {{":status", "100"}};
    const auto nv = pairs(interim);
    (void)nghttp2_submit_headers(client_.session.get(), NGHTTP2_FLAG_NONE, stream->client_id,
                                 nullptr, nv.data(), nv.size(), nullptr);
    std::erase_if(stream->fields, [](const Field& f) { return f.name == "expect"; });
  }
  // Trailers replace what is collected; the head waits here.
  stream->reply = stream->fields;
  if (!has_body) {
    on_request_end(stream);
  }
}

/// Half a list of trailers would be another message: all of them or none of it.
void Http2Relay::on_request_trailers(Stream* stream) {
  Fields trailers = std::exchange(stream->fields, {});
  if (stream->is_local || stream->client_closed) {
    return;
  }
  if (stream->field_bytes > kMaxTrailerBytes || stream->too_large) {
    report(Event::Kind::refused, stream, "The request's trailer fields break a limit.",
           "trailers_too_large");
    reset(&upstream_, stream, kCancel);
    reset(&client_, stream, kCalm);
    return;
  }
  // What frames a message, names its host or is about one hop has its place in the head, where it
  // was judged.
  std::erase_if(trailers, [](const Field& f) { return is_forbidden_trailer(f.name); });
  stream->to_upstream.trailers = std::move(trailers);
  on_request_end(stream);
}

void Http2Relay::on_request_end(Stream* stream) {
  stream->to_upstream.ended = true;
  if (!stream->holds || stream->is_local) {
    resume(&upstream_, stream->upstream_id);
    return;
  }
  stream->holds = false;
  stream->fields = std::exchange(stream->reply, {});
  EditedBody edited = edit_body(*rules_->body_edits(), stream->edit.shape,
                                stream->edit.content_encoding, as_bytes(stream->held));
  edited_total_ -= stream->held.size();
  stream->held = {};
  if (edited.refusal) {
    refuse(stream, *edited.refusal);
    return;
  }
  if (edited.changed) {
    report(Event::Kind::rewritten, stream, "request body edited", rules_->body_edits()->where);
    stream->edits_reported = true;
  }
  std::erase_if(stream->fields, [](const Field& f) { return f.name == "content-encoding"; });
  for (Field& field : stream->fields) {
    if (field.name == "content-length") {
      field.value = std::to_string(edited.body.size());
    }
  }
  edited_total_ += edited.body.size();
  append(stream->to_upstream.data, as_bytes(edited.body));
  stream->to_upstream.returns_window = false;
  forward(stream);
}

/// The request may go on its way.
void Http2Relay::forward(Stream* stream) {
  Fields& fields = stream->fields;
  if (stream->edit.applies) {
    for (Field& field : fields) {
      if (field.name == ":path" && field.value != stream->edit.target) {
        field.value = stream->edit.target;
        if (!stream->edits_reported) {
          report(Event::Kind::rewritten, stream, "model mapped", rules_->body_edits()->where);
        }
      }
    }
  }
  limit_accept_encoding(fields, rules_->accept_encodings());
  apply_edits(fields, rules_->request_edits(), true);
  stream->waits = true;
  submit_waiting();
}

void Http2Relay::submit_waiting() {
  if (closing_) {
    return;
  }
  std::size_t open = 0;
  for (const auto& [id, stream] : streams_) {
    open += stream->upstream_id != 0 && !stream->upstream_closed ? 1 : 0;
  }
  const std::size_t most = nghttp2_session_get_remote_settings(
      upstream_.session.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  for (const auto& [id, stream] : streams_) {
    if (!stream->waits || stream->client_closed) {
      continue;
    }
    if (upstream_.ended || upstream_.got_goaway) {
      stream->waits = false;
      reset(&client_, stream.get(), kRefused);
    } else if (open < most) {
      ++open;
      submit(stream.get());
    }
  }
}

void Http2Relay::submit(Stream* stream) {
  stream->waits = false;
  const auto nv = pairs(stream->fields);
  nghttp2_data_provider body{{.ptr = stream}, &read_body};
  const bool has_body = !stream->to_upstream.ended || stream->to_upstream.left() > 0 ||
                        !stream->to_upstream.trailers.empty();
  const std::int32_t id = nghttp2_submit_request(upstream_.session.get(), nullptr, nv.data(),
                                                 nv.size(), has_body ? &body : nullptr, stream);
  stream->fields.clear();
  if (id < 0) {
    reset(&client_, stream, kRefused);
    return;
  }
  stream->upstream_id = id;
  stream->to_upstream.is_tied = has_body;
}

void Http2Relay::on_reply(Stream* stream, bool ends) {
  Fields reply = std::exchange(stream->reply, {});
  if (stream->client_closed || stream->is_local) {
    return;
  }
  const std::string status = value_of(reply, ":status");
  const bool is_interim = status.size() == 3 && status[0] == '1';
  if (stream->reply_too_large || (is_interim && ++stream->interim > kMaxInterim)) {
    report(Event::Kind::bad_reply, stream, "The answer's header fields break a limit.",
           "fields_too_large");
    reset(&upstream_, stream, kCancel);
    if (stream->answered) {
      reset(&client_, stream, kInternalError);
    } else {
      answer(stream, bad_request(502, "fields_too_large",
                                 "The server's answer has more header fields than are passed on."));
    }
    return;
  }
  nghttp2_session* client = client_.session.get();
  if (status.empty()) {
    stream->to_client.trailers = std::move(reply);
    stream->to_client.ended = true;
    resume(&client_, stream->client_id);
    return;
  }
  if (is_interim) {
    const auto nv = pairs(reply);
    (void)nghttp2_submit_headers(client, NGHTTP2_FLAG_NONE, stream->client_id, nullptr, nv.data(),
                                 nv.size(), nullptr);
    return;
  }
  apply_edits(reply, rules_->response_edits(), true);
  stream->answered = true;
  for (Leg* each : {&client_, &upstream_}) {
    each->resets_left = std::min(kResetBudget, each->resets_left + kResetRefund);
  }
  stream->to_client.ended = ends;
  const auto nv = pairs(reply);
  nghttp2_data_provider body{{.ptr = stream}, &read_body};
  (void)nghttp2_submit_response(client, stream->client_id, nv.data(), nv.size(),
                                ends ? nullptr : &body);
  stream->to_client.is_tied = !ends;
}

/// The stream is over on one leg. @param code  NO_ERROR when both directions ended.
void Http2Relay::on_reset_or_end(Leg* leg, Stream* stream, std::uint32_t code) {
  if (leg->peer == Peer::client) {
    drop(stream, &stream->to_client, Peer::upstream);
    // A reset may say NO_ERROR too: over is what was answered to its end.
    const bool is_over =
        code == kNoError && stream->to_upstream.ended && stream->to_client.sent_end;
    if (!is_over || stream->is_local) {
      drop(stream, &stream->to_upstream, Peer::client);
      reset(&upstream_, stream, code == kNoError ? kCancel : code);
    }
    return;
  }
  drop(stream, &stream->to_upstream, Peer::client);
  if (stream->client_closed || stream->is_local) {
    return;
  }
  if (!stream->answered) {
    reset(&client_, stream, code == kNoError ? kInternalError : code);
  } else if (!stream->to_client.ended) {
    // What came before the reset is delivered before it.
    stream->to_client.abort = code;
    if (stream->to_client.left() == 0) {
      reset(&client_, stream, code);
    }
  } else if (stream->to_client.sent_end && !stream->to_upstream.ended) {
    reset(&client_, stream, code);
  }
}

void Http2Relay::refuse(Stream* stream, const Answer& refusal) {
  report(Event::Kind::refused, stream, refusal.message, refusal.code);
  answer(stream, refusal);
}

void Http2Relay::answer(Stream* stream, const Answer& given) {
  const std::string json = error_json(given);
  stream->is_local = true;
  stream->answered = true;
  stream->holds = false;
  stream->waits = false;
  edited_total_ -= stream->held.size();
  stream->held = {};
  stream->to_client = {};
  if (!stream->grpc_type.empty()) {
    // To gRPC an answer is what its trailers say; without a message they are the head, too.
    const Fields only = {{":status", "200"},
                         {"content-type", stream->grpc_type},
                         {"grpc-status", std::to_string(grpc_status(given.status))},
                         {"grpc-message", grpc_message(given)}};
    stream->to_client.ended = true;
    const auto nv = pairs(only);
    (void)nghttp2_submit_response(client_.session.get(), stream->client_id, nv.data(), nv.size(),
                                  nullptr);
    return;
  }
  const Fields fields = {{":status", std::to_string(given.status)},
                         {"content-type", "application/json"},
                         {"content-length", std::to_string(json.size())}};
  if (stream->method != "HEAD") {
    append(stream->to_client.data, as_bytes(json));
  }
  stream->to_client.ended = true;
  stream->to_client.returns_window = false;
  const auto nv = pairs(fields);
  nghttp2_data_provider body{{.ptr = stream}, &read_body};
  (void)nghttp2_submit_response(client_.session.get(), stream->client_id, nv.data(), nv.size(),
                                &body);
}

void Http2Relay::reset(Leg* leg, Stream* stream, std::uint32_t code) {
  const bool is_client = leg->peer == Peer::client;
  const std::int32_t id = is_client ? stream->client_id : stream->upstream_id;
  if (id == 0 || (is_client ? stream->client_closed : stream->upstream_closed)) {
    return;
  }
  (void)nghttp2_submit_rst_stream(leg->session.get(), NGHTTP2_FLAG_NONE, id, code);
}

/// Octets from `from` are on their way to the other leg: its windows open by as much.
void Http2Relay::took(Stream* stream, Peer from, std::size_t octets) {
  Leg& sender = leg(from);
  sender.held -= octets;
  const bool is_closed = from == Peer::client ? stream->client_closed : stream->upstream_closed;
  const std::int32_t id = from == Peer::client ? stream->client_id : stream->upstream_id;
  if (!is_closed && octets > 0) {
    (void)nghttp2_session_consume_stream(sender.session.get(), id, octets);
  }
  if (sender.withheld > 0 && sender.held <= kMaxHeld / 2) {
    (void)nghttp2_session_consume_connection(sender.session.get(),
                                             std::exchange(sender.withheld, 0));
  }
}

/// Nobody will take the rest of it.
void Http2Relay::drop(Stream* stream, Pipe* pipe, Peer from) {
  const std::size_t left = pipe->left();
  pipe->data = {};
  pipe->taken = 0;
  if (pipe->returns_window) {
    took(stream, from, left);
  } else if (from == Peer::client) {
    edited_total_ -= left;
  }
  if (from == Peer::client && stream->holds) {
    edited_total_ -= stream->held.size();
    stream->held = {};
    stream->holds = false;
  }
}

void Http2Relay::resume(Leg* on, std::int32_t id) {
  if (id != 0) {
    (void)nghttp2_session_resume_data(on->session.get(), id);
  }
}

}  // namespace agp::rewrite
