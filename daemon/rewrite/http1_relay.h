#pragma once

#include "daemon/rewrite/body_edit.h"
#include "daemon/rewrite/http1_request.h"
#include "daemon/rewrite/relay.h"

#include <optional>

namespace agp::rewrite {

/// HTTP/1.1. One exchange at a time: the next request is looked at when the response before it
/// has ended, so that answers cannot change places and octets behind a fault are never a request.
class Http1Relay final : public Relay {
 public:
  Http1Relay(Options options, const Rules* rules);

  void on_bytes(Peer from, Bytes in) override;
  void on_end(Peer from) override;
  [[nodiscard]] Buffer take_output(Peer to) override;
  [[nodiscard]] bool wants_read(Peer from) const override;
  [[nodiscard]] bool wants_close(Peer peer) const override;
  [[nodiscard]] bool is_idle() const override;
  void shut_down() override;
  [[nodiscard]] std::vector<Event> take_events() override;

 private:
  // The client's octets:
  // head ─┬─> forward ─┬─> waiting (for the response) ─> head
  //       ├─> hold ────┤      (hold: a rule edits the body; drain: the answer is ours)
  //       ├─> drain ───┘
  //       └─> waiting ─> raw (WebSocket)          any fault: closed
  enum class From { head, forward, hold, drain, waiting, raw, closed };

  struct Side {
    Buffer parked;  // octets whose turn has not come
    Buffer out;
    bool ended = false;
    bool wants_close = false;
  };
  /// One request and its response.
  struct Exchange {
    Request request;
    EditPlan edit;
    bool sent = false;      // upstream has seen of it
    bool answered = false;  // the final response has begun
    bool request_done = false;
    bool response_done = false;
    bool closes = false;  // the connection ends with it
    unsigned interim = 0;
    Framing response_framing = Framing::none;
  };

  [[nodiscard]] Side& side(Peer peer) { return peer == Peer::client ? client_ : upstream_; }
  void run();
  [[nodiscard]] bool run_parked(Peer from);
  [[nodiscard]] std::size_t take(Peer from, Bytes in);
  [[nodiscard]] std::size_t take_request(Bytes in);
  [[nodiscard]] std::size_t take_request_body(Bytes in);
  [[nodiscard]] std::size_t take_response(Bytes in);
  [[nodiscard]] std::size_t take_response_body(Bytes in);
  void on_request_head();
  void forward_head();
  void on_request_data(Bytes data);
  void on_request_body_end();
  void send_edited();
  void on_response_head();
  void on_interim(const Head& head);
  void on_response_body_end();
  void answer_locally(const Answer& answer);
  void block(Verdict verdict);
  void refuse(const Fault& fault);
  void refuse_reply(const Fault& fault);
  void end_exchange_if_done();
  void close_if_ended();
  void close_both();
  void report(Event::Kind kind, std::string_view reason, std::string_view where);

  Options options_;
  const Rules* rules_;
  Side client_;
  Side upstream_;
  From from_ = From::head;
  HeadReader request_head_{HeadReader::Kind::request};
  BodyReader request_body_;
  HeadReader response_head_{HeadReader::Kind::response};
  BodyReader response_body_;
  bool in_response_body_ = false;
  std::optional<Exchange> exchange_;
  std::string held_;  // the body that a rule edits
  std::uint64_t drained_ = 0;
  bool has_answered_ = false;  // some response has been passed on before
  bool shutting_down_ = false;
  std::vector<Event> events_;
};

}  // namespace agp::rewrite
