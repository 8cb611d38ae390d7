#pragma once

#include "daemon/rewrite/body_edit.h"
#include "daemon/rewrite/fields.h"
#include "daemon/rewrite/relay.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace agp::rewrite {

/// HTTP/2: a server session towards the client, a client session towards upstream, one upstream
/// stream for each stream of the client. Each leg's flow control window opens as the other leg
/// takes the data, so a slow reader slows its own stream.
class Http2Relay final : public Relay {
 public:
  Http2Relay(Options options, const Rules* rules);
  ~Http2Relay() override;

  void on_bytes(Peer from, Bytes in) override;
  void on_end(Peer from) override;
  [[nodiscard]] Buffer take_output(Peer to) override;
  [[nodiscard]] bool wants_read(Peer from) const override;
  [[nodiscard]] bool wants_close(Peer peer) const override;
  [[nodiscard]] bool is_idle() const override;
  void shut_down() override;
  void on_time(std::chrono::steady_clock::time_point now) override;
  [[nodiscard]] std::vector<Event> take_events() override;

  /// Octets of bodies that wait for the other leg: for tests of the bound.
  [[nodiscard]] std::size_t held_octets() const;

 private:
  struct FreeSession {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  using Session = std::unique_ptr<nghttp2_session, FreeSession>;

  struct Leg {
    Http2Relay* relay = nullptr;
    Peer peer = Peer::client;
    Session session;
    Buffer out;
    Buffer early;  // from the client, before upstream's SETTINGS
    bool ended = false;
    bool wants_close = false;
    bool has_settings = false;
    bool sent_goaway = false;
    bool got_goaway = false;
    unsigned resets_left = 0;
    unsigned idle_frames_left = 0;
    unsigned continuations = 0;
    std::size_t held = 0;      // received and not yet taken by the other leg
    std::size_t withheld = 0;  // of the connection's window
    std::optional<Event> fault;
    std::uint32_t fault_code = NGHTTP2_PROTOCOL_ERROR;
  };

  /// One direction of one stream's body.
  struct Pipe {
    Buffer data;
    std::size_t taken = 0;
    bool ended = false;                  // nothing will be added
    bool sent_end = false;               // to the client: and END_STREAM is out
    bool returns_window = true;          // its octets count against the sender's windows
    bool is_tied = false;                // a data source of the other session reads it
    std::optional<std::uint32_t> abort;  // reset with that code behind the data
    Fields trailers;
    [[nodiscard]] std::size_t left() const { return data.size() - taken; }
  };

  struct Stream {
    std::int32_t client_id = 0;
    std::int32_t upstream_id = 0;  // 0: upstream has not heard of it
    bool client_closed = false;
    bool upstream_closed = false;
    bool is_local = false;  // the answer is ours
    bool answered = false;  // the final response has begun
    bool waits = false;     // for a place among upstream's streams
    bool holds = false;     // a rule edits the body
    bool edits_reported = false;
    unsigned interim = 0;
    std::string method;
    std::string path;       // without query
    std::string grpc_type;  // content-type, when the request is gRPC
    Fields fields;          // of the request; then of what is being received
    std::size_t field_bytes = 0;
    bool too_large = false;
    Fields reply;  // being received from upstream
    std::size_t reply_bytes = 0;
    bool reply_too_large = false;
    EditPlan edit;
    std::string held;
    std::uint64_t drained = 0;  // of the request's body, after an answer of ours
    Pipe to_upstream;
    Pipe to_client;
    /// Ours, in full, and out: only the rest of the request may still come.
    [[nodiscard]] bool is_answered_here() const { return is_local && to_client.sent_end; }
  };

  // nghttp2 calls these.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*,
                       const nghttp2_frame* frame,
                       const std::uint8_t* name,
                       std::size_t name_size,
                       const std::uint8_t* value,
                       std::size_t value_size,
                       std::uint8_t flags,
                       void* user);
  static int on_invalid_header(nghttp2_session*,
                               const nghttp2_frame* frame,
                               const std::uint8_t* name,
                               std::size_t name_size,
                               const std::uint8_t* value,
                               std::size_t value_size,
                               std::uint8_t flags,
                               void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int code, void* user);
  static int on_unknown_frame(nghttp2_session*, void**, const nghttp2_frame_hd* hd, void* user);
  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int code, void* user);
  static int on_data(nghttp2_session*,
                     std::uint8_t flags,
                     std::int32_t id,
                     const std::uint8_t* data,
                     std::size_t size,
                     void* user);
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
  static ssize_t read_body(nghttp2_session*,
                           std::int32_t id,
                           std::uint8_t* into,
                           std::size_t size,
                           std::uint32_t* flags,
                           nghttp2_data_source* source,
                           void* user);

  [[nodiscard]] Leg& leg(Peer peer) { return peer == Peer::client ? client_ : upstream_; }
  [[nodiscard]] Leg& other(const Leg& one) {
    return leg(one.peer == Peer::client ? Peer::upstream : Peer::client);
  }
  [[nodiscard]] static Stream* stream_of(const Leg& on, std::int32_t id);
  void open(Leg* leg);
  void start_client();
  void receive(Leg* from, Bytes in);
  void run();
  void fill(Leg* leg);
  void on_request(Stream* stream, bool has_body);
  void on_request_trailers(Stream* stream);
  void on_request_end(Stream* stream);
  void forward(Stream* stream);
  void submit(Stream* stream);
  void submit_waiting();
  void on_reply(Stream* stream, bool ends);
  void on_reset_or_end(Leg* leg, Stream* stream, std::uint32_t code);
  void answer(Stream* stream, const Answer& answer);
  void refuse(Stream* stream, const Answer& answer);
  void reset(Leg* leg, Stream* stream, std::uint32_t code);
  void took(Stream* stream, Peer from, std::size_t octets);
  void drop(Stream* stream, Pipe* pipe, Peer from);
  void resume(Leg* on, std::int32_t id);
  void fault(Leg* leg, std::uint32_t code, std::string_view where, std::string_view reason);
  [[nodiscard]] bool spend(unsigned* budget) const;
  void forget_closed();
  void send_goaway(Leg* leg, std::uint32_t code);
  void close_all(std::uint32_t to_client, std::uint32_t to_upstream);
  void close_if_done();
  void report(Event::Kind kind,
              const Stream* stream,
              std::string_view reason,
              std::string_view where);

  Options options_;
  const Rules* rules_;
  Leg client_;
  Leg upstream_;
  std::map<std::int32_t, std::unique_ptr<Stream>> streams_;  // by the client's number
  std::size_t edited_total_ = 0;                             // held for rules, of all streams
  bool started_ = false;                                     // the client's session is open
  bool closing_ = false;
  bool shutting_down_ = false;
  std::optional<std::int64_t> second_;  // of the last on_time
  std::vector<Event> events_;
};

}  // namespace agp::rewrite
