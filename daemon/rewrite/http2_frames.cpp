// What nghttp2 calls for the frames of both legs, in their order.
#include "daemon/rewrite/http2_message.h"
#include "daemon/rewrite/http2_relay.h"
#include "daemon/rewrite/limits.h"

#include <algorithm>
#include <utility>

namespace agp::rewrite {
namespace {

std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

Http2Relay::Stream* Http2Relay::stream_of(const Leg& on, std::int32_t id) {
  return id == 0 ? nullptr
                 : static_cast<Stream*>(nghttp2_session_get_stream_user_data(on.session.get(), id));
}

bool Http2Relay::spend(unsigned* budget) const {
  if (*budget == 0) {
    return false;
  }
  --*budget;
  return true;
}

void Http2Relay::fault(Leg* leg,
                       std::uint32_t code,
                       std::string_view where,
                       std::string_view reason) {
  leg->fault_code = code;
  leg->fault = Event{leg->peer == Peer::client ? Event::Kind::refused : Event::Kind::bad_reply,
                     {},
                     {},
                     std::string(reason),
                     std::string(where)};
}

/// Floods are counted here, frame by frame, without a clock: work that leads to something gives
/// back. nghttp2 before 1.57 knows no limit for resets, before 1.61 none for CONTINUATION.
int Http2Relay::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  const bool is_ack = (hd->flags & NGHTTP2_FLAG_ACK) != 0;
  bool is_calm = true;
  std::string_view where = "empty_frame_flood";
  switch (hd->type) {
    case NGHTTP2_HEADERS:
      leg->continuations = 0;
      leg->idle_frames_left = std::min(kIdleFrameBudget, leg->idle_frames_left + kIdleFrameRefund);
      break;
    case NGHTTP2_DATA:
      // All of it may be padding. Octets give back, in on_data.
      if ((hd->flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
          (hd->length == 0 || (hd->flags & NGHTTP2_FLAG_PADDED) != 0)) {
        is_calm = self->spend(&leg->idle_frames_left);
      }
      break;
    case NGHTTP2_CONTINUATION:
      where = "continuation_flood";
      is_calm = ++leg->continuations <= kMaxContinuations;
      break;
    case NGHTTP2_RST_STREAM: {
      const Stream* stream = stream_of(*leg, hd->stream_id);
      where = "rapid_reset";
      if (stream == nullptr || !stream->answered) {
        is_calm = self->spend(&leg->resets_left);
      }
      break;
    }
    default:
      is_calm = is_ack || self->spend(&leg->idle_frames_left);
      break;
  }
  if (is_calm) {
    return 0;
  }
  self->fault(leg, kCalm, where, "Frames that only make work.");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Relay::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  if (frame->hd.type != NGHTTP2_HEADERS) {
    return 0;
  }
  if (leg->peer == Peer::client && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    auto stream = std::make_unique<Stream>();
    stream->client_id = frame->hd.stream_id;
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream.get());
    self->streams_[frame->hd.stream_id] = std::move(stream);
  } else if (Stream* stream = stream_of(*leg, frame->hd.stream_id)) {
    if (leg->peer == Peer::client) {
      stream->fields.clear();
      stream->field_bytes = 0;
    } else {
      stream->reply.clear();
      stream->reply_bytes = 0;
    }
  }
  return 0;
}

int Http2Relay::on_header(nghttp2_session*,
                          const nghttp2_frame* frame,
                          const std::uint8_t* name,
                          std::size_t name_size,
                          const std::uint8_t* value,
                          std::size_t value_size,
                          std::uint8_t flags,
                          void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Stream* stream = stream_of(*leg, frame->hd.stream_id);
  if (stream == nullptr) {
    return 0;
  }
  const bool is_request = leg->peer == Peer::client;
  Fields& fields = is_request ? stream->fields : stream->reply;
  std::size_t& bytes = is_request ? stream->field_bytes : stream->reply_bytes;
  bytes += name_size + value_size + 32;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  // A few octets can name a large entry of the table again and again: count, do not keep.
  if (bytes > kMaxFieldBytes || fields.size() >= kMaxFields || value_size > kMaxFieldLineBytes) {
    (is_request ? stream->too_large : stream->reply_too_large) = true;
    return 0;
  }
  fields.push_back({std::string(text(name, name_size)), std::string(text(value, value_size)), false,
                    (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
  return 0;
}

/// nghttp2 would leave the field out; a message that only we read without it must not exist.
int Http2Relay::on_invalid_header(nghttp2_session*,
                                  const nghttp2_frame*,
                                  const std::uint8_t*,
                                  std::size_t,
                                  const std::uint8_t*,
                                  std::size_t,
                                  std::uint8_t,
                                  void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int Http2Relay::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  Stream* stream = stream_of(*leg, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (stream == nullptr) {
        break;
      }
      if (leg->peer == Peer::upstream) {
        self->on_reply(stream, ends);
      } else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        self->on_request(stream, !ends);
      } else {
        self->on_request_trailers(stream);
      }
      break;
    case NGHTTP2_DATA:
      if (stream == nullptr || !ends) {
        break;
      }
      if (leg->peer == Peer::client) {
        self->on_request_end(stream);
      } else {
        stream->to_client.ended = true;
        self->resume(&self->client_, stream->client_id);
      }
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        leg->has_settings = true;
      }
      break;
    case NGHTTP2_GOAWAY:
      leg->got_goaway = true;
      if (leg->peer == Peer::upstream && self->started_) {
        self->send_goaway(&self->client_, frame->goaway.error_code);
      } else if (leg->peer == Peer::client) {
        self->send_goaway(&self->upstream_, frame->goaway.error_code);
      }
      break;
    default:
      break;
  }
  return 0;
}

int Http2Relay::on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
  // Each makes us send a reset: the same work as a reset from there.
  Leg* leg = static_cast<Leg*>(user);
  if (leg->relay->spend(&leg->resets_left)) {
    return 0;
  }
  leg->relay->fault(leg, kCalm, "invalid_frame_flood", "Frames that only make work.");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// Frames of types that nobody knows mean nothing (RFC 9113 section 5.5).
int Http2Relay::on_unknown_frame(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
  return NGHTTP2_ERR_CANCEL;
}

int Http2Relay::on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
    return 0;
  }
  leg->idle_frames_left = std::min(kIdleFrameBudget, leg->idle_frames_left + kIdleFrameRefund);
  Stream* stream = stream_of(*leg, frame->hd.stream_id);
  if (stream == nullptr || leg->peer != Peer::client ||
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
    return 0;
  }
  stream->to_client.sent_end = true;
  // Who answered in full and wants no more of the request said so with a reset. Not before the end
  // is out: what waits behind a reset is never sent. Behind an answer of our own the rest of a body
  // of common size is read away instead: a client in the middle of sending it may drop the answer
  // when it sees the reset (curl 7.88 does).
  const bool no_more = stream->is_local ? stream->drained > kMaxDrain : stream->upstream_closed;
  if (no_more && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, kNoError);
  }
  return 0;
}

int Http2Relay::on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  if (leg->peer == Peer::upstream && frame->hd.type == NGHTTP2_HEADERS &&
      frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    for (const auto& [id, stream] : self->streams_) {
      if (stream->upstream_id == frame->hd.stream_id && !stream->upstream_closed) {
        stream->upstream_closed = true;
        self->on_reset_or_end(leg, stream.get(), kRefused);
      }
    }
  }
  return 0;
}

int Http2Relay::on_data(nghttp2_session* session,
                        std::uint8_t,
                        std::int32_t id,
                        const std::uint8_t* data,
                        std::size_t size,
                        void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  leg->idle_frames_left = std::min(kIdleFrameBudget, leg->idle_frames_left + kIdleFrameRefund);
  Stream* stream = stream_of(*leg, id);
  const bool from_client = leg->peer == Peer::client;
  const bool gone = stream == nullptr || (from_client ? stream->is_local || stream->upstream_closed
                                                      : stream->client_closed);
  if (gone) {
    (void)nghttp2_session_consume(session, id, size);
    if (from_client && stream != nullptr && stream->is_local) {
      const bool was_within = stream->drained <= kMaxDrain;
      stream->drained += size;
      if (was_within && stream->drained > kMaxDrain && stream->to_client.sent_end) {
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, kNoError);
      }
    }
    return 0;
  }
  if (from_client && stream->holds) {
    (void)nghttp2_session_consume(session, id, size);
    if (stream->held.size() + size > kMaxEditedBody ||
        self->edited_total_ + size > kMaxEditedTotal) {
      self->refuse(stream, too_large_answer());
      return 0;
    }
    stream->held += text(data, size);
    self->edited_total_ += size;
    return 0;
  }
  Pipe& pipe = from_client ? stream->to_upstream : stream->to_client;
  append(pipe.data, {data, size});
  leg->held += size;
  // The connection's window opens at once, so that no stream waits for another one's reader, until
  // all streams together hold too much.
  if (leg->held <= kMaxHeld) {
    (void)nghttp2_session_consume_connection(session, size);
  } else {
    leg->withheld += size;
  }
  self->resume(&self->other(*leg), from_client ? stream->upstream_id : stream->client_id);
  return 0;
}

int Http2Relay::on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Stream* stream = stream_of(*leg, id);
  if (stream == nullptr) {
    return 0;
  }
  bool& closed = leg->peer == Peer::client ? stream->client_closed : stream->upstream_closed;
  if (!closed) {
    closed = true;
    leg->relay->on_reset_or_end(leg, stream, code);
  }
  return 0;
}

ssize_t Http2Relay::read_body(nghttp2_session* session,
                              std::int32_t id,
                              std::uint8_t* into,
                              std::size_t size,
                              std::uint32_t* flags,
                              nghttp2_data_source* source,
                              void* user) {
  Leg* leg = static_cast<Leg*>(user);
  Http2Relay* self = leg->relay;
  auto* stream = static_cast<Stream*>(source->ptr);
  const bool to_client = leg->peer == Peer::client;
  Pipe& pipe = to_client ? stream->to_client : stream->to_upstream;
  const std::size_t taken = std::min(size, pipe.left());
  std::copy_n(pipe.data.begin() + static_cast<std::ptrdiff_t>(pipe.taken), taken, into);
  pipe.taken += taken;
  if (pipe.taken == pipe.data.size()) {
    pipe.data.clear();
    pipe.taken = 0;
  } else if (pipe.taken > kStreamWindow / 2 && pipe.returns_window) {
    pipe.data.erase(pipe.data.begin(), pipe.data.begin() + static_cast<std::ptrdiff_t>(pipe.taken));
    pipe.taken = 0;
  }
  if (pipe.returns_window) {
    self->took(stream, to_client ? Peer::upstream : Peer::client, taken);
  } else if (!to_client) {
    self->edited_total_ -= taken;
  }
  if (pipe.left() > 0) {
    return static_cast<ssize_t>(taken);
  }
  if (pipe.ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!pipe.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto trailers = pairs(pipe.trailers);
      (void)nghttp2_submit_trailer(session, id, trailers.data(), trailers.size());
    }
    return static_cast<ssize_t>(taken);
  }
  if (pipe.abort) {
    (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, *pipe.abort);
  }
  return taken > 0 ? static_cast<ssize_t>(taken) : ssize_t{NGHTTP2_ERR_DEFERRED};
}

}  // namespace agp::rewrite
