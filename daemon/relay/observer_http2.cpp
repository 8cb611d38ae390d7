#include "daemon/http2/reader.h"
#include "daemon/relay/protocol_reader.h"
#include "daemon/relay/websocket_calls.h"

#include <optional>
#include <utility>

namespace agp::relay {
namespace {

http2::Direction direction(Side from) {
  return from == Side::client ? http2::Direction::request : http2::Direction::response;
}

/// One model call on a stream of its own. Once the call is counted the rest is skipped.
class CallStream final : public http2::StreamSink {
 public:
  CallStream(Books* books, usage::Call* call) : books_(books), call_(call) {}

  void on_request_body(Bytes body) override {
    if (call_ != nullptr) {
      call_->on_request_body(body);
    }
  }
  void on_request_end() override {
    if (call_ != nullptr) {
      call_->on_request_end();
    }
  }
  void on_response_begin() override {
    if (call_ != nullptr) {
      call_->on_response_begin(books_->now);
    }
  }
  void on_response(const http2::Head& head) override {
    if (call_ != nullptr) {
      call_->on_response_head(
          response_facts(head.status, [&head](std::string_view name) { return head.field(name); }));
    }
  }
  void on_response_body(Bytes body) override {
    if (call_ != nullptr) {
      call_->on_response_body(body, books_->now);
    }
  }
  void on_trailers(http2::Direction, const http2::Head&) override {}

  void on_client_end(http2::Octets octets) override {
    // The client may still read: only a call that has all it needs is counted here.
    if (call_ != nullptr && call_->has_final_usage()) {
      close(false, octets, std::nullopt);
    }
  }
  void on_end(http2::StreamEnd how, http2::Octets octets) override {
    // RST_STREAM and GOAWAY end a stream on a connection that goes on.
    const bool by_frame = how == http2::StreamEnd::reset || how == http2::StreamEnd::refused;
    close(how == http2::StreamEnd::complete, octets,
          by_frame ? std::optional(closer(books_->speaking)) : std::nullopt);
  }

 private:
  void close(bool body_complete, http2::Octets octets, std::optional<usage::Closer> closed_by) {
    if (usage::Call* const call = std::exchange(call_, nullptr)) {
      usage::Call::End end;
      end.at = books_->now;
      end.body_complete = body_complete;
      end.closed_by = closed_by;
      end.bytes_in = octets.response;
      end.bytes_out = octets.request;
      books_->close(call, end);
    }
  }

  Books* books_;
  usage::Call* call_;
};

/// A WebSocket over extended CONNECT, RFC 8441: DATA is what a connection would carry.
class WebSocketStream final : public http2::StreamSink {
 public:
  explicit WebSocketStream(std::unique_ptr<WebSocketCalls> calls) : calls_(std::move(calls)) {}

  void on_request_body(Bytes body) override { calls_->on_bytes(Side::client, body); }
  void on_request_end() override { calls_->on_end(Side::client); }
  void on_response_begin() override {}
  void on_response(const http2::Head& head) override {
    calls_->on_handshake(head.status, head.field("sec-websocket-extensions"),
                         head.status >= 200 && head.status < 300);
  }
  void on_response_body(Bytes body) override { calls_->on_bytes(Side::upstream, body); }
  void on_trailers(http2::Direction, const http2::Head&) override {}
  void on_client_end(http2::Octets) override { calls_->on_end(Side::client); }
  void on_end(http2::StreamEnd, http2::Octets) override { calls_->on_end(Side::upstream); }

 private:
  std::unique_ptr<WebSocketCalls> calls_;
};

class Http2Observer final : public ProtocolReader, private http2::Sink {
 public:
  explicit Http2Observer(Books* books) : books_(books), reader_(this) {}

  void on_bytes(Side from, Bytes plaintext) override { reader_.feed(direction(from), plaintext); }

  void on_end(Side from, End how) override {
    if (reader_.is_unparsed()) {
      return;  // what could not be read stays so
    }
    if (how != End::clean) {
      has_ended_ = true;
      reader_.give_up();
    } else {
      has_ended_ = has_ended_ || from == Side::upstream;
      reader_.finish(direction(from));
    }
  }

  [[nodiscard]] bool is_unparsed() const override { return reader_.is_unparsed() && !has_ended_; }
  [[nodiscard]] bool is_idle() const override { return has_ended_ || reader_.is_idle(); }
  [[nodiscard]] bool has_begun() const override { return request_began_ != usage::Micros{}; }

 private:
  void on_request_begin() override { request_began_ = books_->now; }

  std::unique_ptr<http2::StreamSink> on_request(http2::StreamId, const http2::Head& head) override {
    std::string_view authority = head.authority;
    if (authority.empty()) {
      authority = head.field("host");
    }
    if (!head.protocol.empty()) {
      auto calls = head.method == "CONNECT" && head.protocol == "websocket"
                       ? WebSocketCalls::open(books_, authority, head.target)
                       : nullptr;
      return calls == nullptr ? nullptr : std::make_unique<WebSocketStream>(std::move(calls));
    }
    auto endpoint = usage::classify(books_->host_of(authority), head.method, head.target);
    // Length-prefixed protobuf on a path of ours would be no payload that a reader knows.
    if (!endpoint || head.field("content-type").starts_with("application/grpc")) {
      return nullptr;
    }
    usage::CallFacts facts = books_->call_facts(authority, head.target);
    facts.started_at = request_began_;
    facts.request_encoding = std::string(head.field("content-encoding"));
    return std::make_unique<CallStream>(books_,
                                        books_->open(std::move(*endpoint), std::move(facts)));
  }

  Books* books_;
  http2::ConnectionReader reader_;
  usage::Micros request_began_{};
  bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<ProtocolReader> make_http2_reader(Books* books) {
  return std::make_unique<Http2Observer>(books);
}

}  // namespace agp::relay
