#include "daemon/rewrite/http2_relay.h"

#include "daemon/rewrite/limits.h"
#include "daemon/rewrite/request_check.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace agp::rewrite {
namespace {

std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> pairs(const Fields& fields) {
  std::vector<nghttp2_nv> result;
  result.reserve(fields.size());
  for (const Field& field : fields) {
    // nghttp2 copies both; its interface is only not const.
    result.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.value.data())),
                      field.name.size(), field.value.size(),
                      static_cast<std::uint8_t>(field.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX
                                                                    : NGHTTP2_NV_FLAG_NONE)});
  }
  return result;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const Field* field = find(fields, name);
  return field == nullptr ? std::string() : field->value;
}

bool is_path(std::string_view path, std::string_view method) {
  const bool is_visible = std::ranges::all_of(path, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet < 0x7f && c != '#';
  });
  return is_visible && (path.starts_with('/') || (path == "*" && method == "OPTIONS"));
}

/// The content type of the answer to a gRPC request; empty for all others.
std::string grpc_type(const Fields& fields) {
  constexpr std::size_t kLongest = 64;
  const Field* type = find(fields, "content-type");
  if (type == nullptr || !type->value.starts_with("application/grpc")) {
    return {};
  }
  return type->value.size() <= kLongest ? type->value : "application/grpc";
}

Answer bad_request(unsigned status, std::string_view code, std::string_view message) {
  return answer_for({status, code, message});
}

/// What the request asks for, checked as HTTP/1 requests are. Rewrites authority and scheme.
std::optional<Answer> check_request(const Options& options, Fields* fields) {
  const std::string method = value_of(*fields, ":method");
  const std::string protocol = value_of(*fields, ":protocol");
  if (!is_token(method)) {
    return bad_request(400, "bad_method", "The method is no token.");
  }
  if (method == "TRACE" || (method == "CONNECT" && protocol.empty())) {
    return bad_request(405, "method_refused", "CONNECT and TRACE are not passed on.");
  }
  if (!protocol.empty() && protocol != "websocket") {
    return bad_request(400, "upgrade_refused",
                       "Of all protocols only WebSocket can be connected to here.");
  }
  const std::string path = value_of(*fields, ":path");
  if (path.size() > kMaxStartLineBytes) {
    return bad_request(414, "start_line_too_long", "The path is longer than 8 KiB.");
  }
  if (!is_path(path, method)) {
    return bad_request(400, "bad_target", "The path has characters that no path has.");
  }
  const Field* authority = find(*fields, ":authority");
  for (const Field& field : *fields) {
    const bool names_us = same_name(field.name, ":authority") || same_name(field.name, "host");
    if (names_us && !options.sets_authority &&
        !names_host(field.value, options.host, options.port)) {
      return bad_request(421, "wrong_authority",
                         "The request is for another host than the connection.");
    }
  }
  if (count(*fields, "host") + (authority == nullptr ? 0 : 1) == 0 || count(*fields, "host") > 1) {
    return bad_request(400, "no_host", "A request must name its host exactly once.");
  }
  const std::string scheme = value_of(*fields, ":scheme");
  if (options.sets_authority ? scheme != "http" && scheme != "https" : scheme != options.scheme) {
    return bad_request(421, "wrong_scheme", "The scheme is not the one of this connection.");
  }
  // One authority, in the pseudo field, where every server looks first.
  const std::string name = options.sets_authority ? options.host
                           : authority != nullptr ? authority->value
                                                  : value_of(*fields, "host");
  const bool has_pseudo = authority != nullptr;
  std::erase_if(*fields, [](const Field& f) { return f.name == "host"; });
  if (!has_pseudo) {
    const auto first_plain =
        std::ranges::find_if(*fields, [](const Field& f) { return !f.name.starts_with(':'); });
    fields->insert(first_plain, Field{":authority", ""});
  }
  for (Field& field : *fields) {
    if (field.name == ":authority") {
      field.value = name;
    }
  }
  if (options.sets_authority) {
    for (Field& field : *fields) {
      if (field.name == ":scheme") {
        field.value = "https";
      }
    }
  }
  return std::nullopt;
}

// The enumerators of nghttp2, in the type that its functions take.
constexpr std::uint32_t kNoError = NGHTTP2_NO_ERROR;
constexpr std::uint32_t kInternalError = NGHTTP2_INTERNAL_ERROR;
constexpr std::uint32_t kProtocolError = NGHTTP2_PROTOCOL_ERROR;
constexpr std::uint32_t kRefused = NGHTTP2_REFUSED_STREAM;
constexpr std::uint32_t kCancel = NGHTTP2_CANCEL;
constexpr std::uint32_t kCalm = NGHTTP2_ENHANCE_YOUR_CALM;

}  // namespace

Http2Relay::Http2Relay(Options options, const Rules* rules)
    : options_(std::move(options)), rules_(rules) {
  client_.peer = Peer::client;
  upstream_.peer = Peer::upstream;
  for (Leg* each : {&client_, &upstream_}) {
    each->relay = this;
    each->resets_left = kResetBudget;
    each->idle_frames_left = kIdleFrameBudget;
  }
  open(&upstream_);
  const std::array<nghttp2_settings_entry, 3> settings = {
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxFieldBytes}}};
  (void)nghttp2_submit_settings(upstream_.session.get(), NGHTTP2_FLAG_NONE, settings.data(),
                                settings.size());
  (void)nghttp2_session_set_local_window_size(upstream_.session.get(), NGHTTP2_FLAG_NONE, 0,
                                              kConnectionWindow);
  fill(&upstream_);
}

Http2Relay::~Http2Relay() = default;

void Http2Relay::open(Leg* leg) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* options = nullptr;
  (void)nghttp2_session_callbacks_new(&callbacks);
  (void)nghttp2_option_new(&options);
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &on_invalid_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, &on_not_sent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, kMaxPendingAcks);
  nghttp2_option_set_max_settings(options, kMaxSettings);
  nghttp2_option_set_max_send_header_block_length(options, 2 * kMaxFieldBytes);
  nghttp2_session* session = nullptr;
  const int failed = leg->peer == Peer::client
                         ? nghttp2_session_server_new2(&session, callbacks, leg, options)
                         : nghttp2_session_client_new2(&session, callbacks, leg, options);
  assert(failed == 0);  // Only memory can run out.
  (void)failed;
  leg->session.reset(session);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
}

/// The client is told what upstream said: so much at a time, WebSocket or not.
void Http2Relay::start_client() {
  started_ = true;
  open(&client_);
  nghttp2_session* upstream = upstream_.session.get();
  const std::uint32_t streams = std::min(
      kMaxStreams,
      nghttp2_session_get_remote_settings(upstream, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, std::max<std::uint32_t>(streams, 1)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxFieldBytes}};
  if (nghttp2_session_get_remote_settings(upstream, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
      1) {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  }
  (void)nghttp2_submit_settings(client_.session.get(), NGHTTP2_FLAG_NONE, settings.data(),
                                settings.size());
  (void)nghttp2_session_set_local_window_size(client_.session.get(), NGHTTP2_FLAG_NONE, 0,
                                              kConnectionWindow);
  const Buffer early = std::exchange(client_.early, {});
  if (!early.empty()) {
    receive(&client_, early);
  }
}

void Http2Relay::on_bytes(Peer from, Bytes in) {
  Leg& sender = leg(from);
  if (closing_ || sender.ended) {
    return;
  }
  if (from == Peer::client && !started_) {
    append(sender.early, in);
    return;
  }
  receive(&sender, in);
  if (!started_ && upstream_.has_settings && !closing_) {
    start_client();
  }
  run();
}

void Http2Relay::receive(Leg* from, Bytes in) {
  const ssize_t used = nghttp2_session_mem_recv(from->session.get(), in.data(), in.size());
  if (used == static_cast<ssize_t>(in.size()) && !from->fault) {
    return;
  }
  if (!from->fault) {
    const bool is_flood = used == NGHTTP2_ERR_FLOODED;
    fault(from, is_flood ? kCalm : kProtocolError,
          is_flood ? "acknowledgement_flood" : "bad_frames",
          is_flood ? "More frames to acknowledge than the peer reads acknowledgements."
                   : "The octets are no HTTP/2.");
  }
  events_.push_back(*std::exchange(from->fault, std::nullopt));
  const bool is_client = from->peer == Peer::client;
  close_all(is_client ? from->fault_code : kInternalError, is_client ? kNoError : from->fault_code);
}

void Http2Relay::on_end(Peer from) {
  Leg& ended = leg(from);
  ended.ended = true;
  if (closing_) {
    return;
  }
  if (from == Peer::client || !started_) {
    close_all(kNoError, kNoError);
    return;
  }
  // What upstream has answered in full is still delivered.
  for (const auto& [id, stream] : streams_) {
    if (!stream->upstream_closed && stream->upstream_id != 0) {
      on_reset_or_end(&upstream_, stream.get(), kInternalError);
      stream->upstream_closed = true;
    } else if (stream->waits) {
      reset(&client_, stream.get(), kRefused);
    }
  }
  send_goaway(&client_, kNoError);
  run();
}

Buffer Http2Relay::take_output(Peer to) {
  Buffer out = std::exchange(leg(to).out, {});
  run();
  return out;
}

void Http2Relay::on_time(std::chrono::steady_clock::time_point now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (!second_ || seconds <= *second_) {
    second_ = second_.value_or(seconds);
    return;
  }
  const auto passed = static_cast<std::uint64_t>(seconds - *std::exchange(second_, seconds));
  const auto grown = [passed](unsigned left, unsigned each, unsigned most) {
    return static_cast<unsigned>(std::min<std::uint64_t>(most, left + passed * each));
  };
  for (Leg* each : {&client_, &upstream_}) {
    each->idle_frames_left = grown(each->idle_frames_left, kIdleFramesEachSecond, kIdleFrameBudget);
    each->resets_left = grown(each->resets_left, kResetsEachSecond, kResetBudget);
  }
}

bool Http2Relay::wants_read(Peer from) const {
  if (closing_) {
    return false;
  }
  // Before upstream's SETTINGS there is nothing to tell the client; its first flight fits.
  return from == Peer::client ? !client_.ended && client_.early.size() < kMaxParked
                              : !upstream_.ended;
}

bool Http2Relay::wants_close(Peer peer) const {
  return peer == Peer::client ? client_.wants_close : upstream_.wants_close;
}

bool Http2Relay::is_idle() const {
  return closing_ || (streams_.empty() && client_.early.empty());
}

void Http2Relay::shut_down() {
  shutting_down_ = true;
  if (!started_) {
    close_all(kNoError, kNoError);
    return;
  }
  send_goaway(&client_, kNoError);
  run();
}

std::vector<Event> Http2Relay::take_events() {
  return std::exchange(events_, {});
}

std::size_t Http2Relay::held_octets() const {
  std::size_t sum = edited_total_;
  for (const auto& [id, stream] : streams_) {
    sum += stream->to_client.left() + stream->to_upstream.left();
  }
  return sum;
}

/// Lets both sessions say what they have to, as far as there is room.
void Http2Relay::run() {
  for (int round = 0; round < 2; ++round) {
    // What one leg takes opens a window of the other.
    fill(&client_);
    fill(&upstream_);
    forget_closed();
    submit_waiting();
  }
  close_if_done();
}

void Http2Relay::fill(Leg* leg) {
  while (leg->session && leg->out.size() < kHighWater) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(leg->session.get(), &data);
    if (size <= 0) {
      break;
    }
    append(leg->out, {data, static_cast<std::size_t>(size)});
  }
  // A peer that does not read while it makes us answer: refusals, resets, window updates.
  if (!closing_ && leg->session &&
      nghttp2_session_get_outbound_queue_size(leg->session.get()) > 2 * kMaxPendingAcks) {
    fault(leg, kCalm, "answer_flood", "The peer makes more answers necessary than it reads.");
    events_.push_back(*std::exchange(leg->fault, std::nullopt));
    close_all(kCalm, kNoError);
  }
}

// --------------------------------------------------------------------- frames, in their order

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
      if (hd->length > 0) {
        leg->idle_frames_left =
            std::min(kIdleFrameBudget, leg->idle_frames_left + kIdleFrameRefund);
      } else if ((hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) {
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
  // is out: what waits behind a reset is never sent.
  const bool no_more = stream->is_local || stream->upstream_closed;
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
  Stream* stream = stream_of(*leg, id);
  const bool from_client = leg->peer == Peer::client;
  const bool gone = stream == nullptr || (from_client ? stream->is_local || stream->upstream_closed
                                                      : stream->client_closed);
  if (gone) {
    (void)nghttp2_session_consume(session, id, size);
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

// ---------------------------------------------------------------------------------- exchanges

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

void Http2Relay::forget_closed() {
  std::erase_if(streams_, [](const auto& each) {
    const Stream& stream = *each.second;
    return stream.client_closed && (stream.upstream_id == 0 || stream.upstream_closed);
  });
}

void Http2Relay::send_goaway(Leg* leg, std::uint32_t code) {
  if (leg->sent_goaway) {
    return;
  }
  leg->sent_goaway = true;
  (void)nghttp2_submit_goaway(leg->session.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(leg->session.get()), code,
                              nullptr, 0);
}

/// Ends both connections now; what streams are open on them ends with them.
void Http2Relay::close_all(std::uint32_t to_client, std::uint32_t to_upstream) {
  if (closing_) {
    return;
  }
  closing_ = true;
  if (!started_) {
    client_.early = {};
    start_client();
  }
  (void)nghttp2_session_terminate_session(client_.session.get(), to_client);
  (void)nghttp2_session_terminate_session(upstream_.session.get(), to_upstream);
  fill(&client_);
  fill(&upstream_);
  client_.wants_close = true;
  upstream_.wants_close = true;
}

void Http2Relay::close_if_done() {
  if (closing_ || !started_) {
    return;
  }
  const auto is_dead = [](const Leg& leg) {
    return nghttp2_session_want_read(leg.session.get()) == 0 &&
           nghttp2_session_want_write(leg.session.get()) == 0;
  };
  const bool is_over = client_.got_goaway || upstream_.got_goaway || upstream_.ended ||
                       client_.sent_goaway || shutting_down_;
  if (is_dead(client_)) {
    // nghttp2 found a fault and has said so.
    events_.push_back(
        {Event::Kind::refused, {}, {}, "The frames break the protocol.", "protocol_error"});
    close_all(kProtocolError, kNoError);
  } else if (is_dead(upstream_) && !upstream_.got_goaway) {
    events_.push_back({Event::Kind::bad_reply,
                       {},
                       {},
                       "The server's frames break the protocol.",
                       "protocol_error"});
    close_all(kInternalError, kProtocolError);
  } else if (is_over && streams_.empty()) {
    close_all(kNoError, kNoError);
  }
}

void Http2Relay::report(Event::Kind kind,
                        const Stream* stream,
                        std::string_view reason,
                        std::string_view where) {
  events_.push_back({kind, stream->method, stream->path, std::string(reason), std::string(where)});
}

}  // namespace agp::rewrite
