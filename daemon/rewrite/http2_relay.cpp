// Both legs as a whole: how they open, fill and end.
#include "daemon/rewrite/http2_relay.h"

#include "daemon/rewrite/http2_message.h"
#include "daemon/rewrite/limits.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace agp::rewrite {

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
  nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, &on_unknown_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, &on_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, &on_not_sent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &on_close);
  // Without this on_begin_frame would not hear of them.
  for (unsigned type = NGHTTP2_CONTINUATION + 1U; type <= 0xff; ++type) {
    nghttp2_option_set_user_recv_extension_type(options, static_cast<std::uint8_t>(type));
  }
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
  return closing_ || (client_.early.empty() &&
                      std::all_of(streams_.begin(), streams_.end(), [](const auto& item) {
                        return item.second->is_answered_here();
                      }));
}

void Http2Relay::shut_down() {
  shutting_down_ = true;
  for (const auto& [id, stream] : streams_) {
    if (stream->is_answered_here()) {
      reset(&client_, stream.get(), kNoError);  // nobody waits for the rest of its request
    }
  }
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
