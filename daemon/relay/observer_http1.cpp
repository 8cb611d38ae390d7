#include "daemon/http1/reader.h"
#include "daemon/relay/protocol_reader.h"
#include "daemon/relay/websocket_calls.h"
#include "daemon/usage/text.h"

#include <memory>
#include <utility>
#include <vector>

namespace agp::relay {
namespace {

http1::Direction direction(Side from) {
  return from == Side::client ? http1::Direction::request : http1::Direction::response;
}

class Http1Observer final : public ProtocolReader, private http1::Sink {
 public:
  explicit Http1Observer(Books* books) : books_(books), reader_(this) {}

  void on_bytes(Side from, Bytes plaintext) override {
    const std::size_t used = reader_.feed(direction(from), plaintext);
    if (reader_.is_upgraded() && websocket_ != nullptr) {
      websocket_->on_bytes(from, plaintext.subspan(used));
    }
    if (reader_.is_unparsed()) {
      give_up();
    }
  }

  void on_end(Side from, End how) override {
    reader_.finish(direction(from), how == End::clean);
    upstream_ended_ = upstream_ended_ || from == Side::upstream;
    if (websocket_ != nullptr) {
      websocket_->on_end(how != End::clean ? Side::upstream : from);
    }
    if (upstream_ended_ || how != End::clean) {
      give_up();
      return;
    }
    // The client said that it will send no more. It may still read, so only a call that has all it
    // needs is counted here; the others wait for upstream's end.
    if (!exchanges_.empty() && exchanges_.front().call != nullptr &&
        exchanges_.front().call->has_final_usage()) {
      close_front(false, reader_.open_octets(http1::Direction::response));
    }
  }

  [[nodiscard]] bool is_unparsed() const override {
    const bool is_read = websocket_ != nullptr && !websocket_->is_unparsed();
    return reader_.is_unparsed() || (reader_.is_upgraded() && !is_read);
  }
  [[nodiscard]] bool is_idle() const override {
    return !reader_.is_unparsed() && !reader_.is_upgraded() && exchanges_.empty() &&
           reader_.open_octets(http1::Direction::request) == 0;
  }
  [[nodiscard]] bool has_begun() const override { return request_began_ != usage::Micros{}; }

 private:
  /// One request, and its response when it comes.
  struct Exchange {
    usage::Call* call = nullptr;              // null: no model call, or counted already
    std::unique_ptr<WebSocketCalls> upgrade;  // it asks for a WebSocket that we read
    std::uint64_t bytes_out = 0;
    bool request_ended = false;
  };

  static bool asks_for_websocket(const http1::Head& head) {
    return head.method == "GET" && usage::lower(head.field("upgrade")) == "websocket";
  }

  void on_begin(http1::Direction which) override {
    if (which == http1::Direction::request) {
      request_began_ = books_->now;
    } else if (!exchanges_.empty() && exchanges_.front().call != nullptr) {
      exchanges_.front().call->on_response_begin(books_->now);
    }
  }

  void on_request(const http1::Head& head) override {
    Exchange exchange;
    const std::string_view host = head.field("host");
    if (auto endpoint = usage::classify(books_->host_of(host), head.method, head.target)) {
      usage::CallFacts facts = books_->call_facts(host, head.target);
      facts.started_at = request_began_;
      facts.request_encoding = head.codings();
      exchange.call = books_->open(std::move(*endpoint), std::move(facts));
    } else if (asks_for_websocket(head)) {
      exchange.upgrade = WebSocketCalls::open(books_, host, head.target);
    }
    exchanges_.push_back(std::move(exchange));
  }

  void on_request_body(Bytes body) override {
    if (!exchanges_.empty() && exchanges_.back().call != nullptr) {
      exchanges_.back().call->on_request_body(body);
    }
  }

  void on_request_end(std::uint64_t octets) override {
    // The request may have been answered before it was sent whole: then its exchange is gone.
    if (exchanges_.empty() || exchanges_.back().request_ended) {
      return;
    }
    exchanges_.back().request_ended = true;
    exchanges_.back().bytes_out = octets;
    if (exchanges_.back().call != nullptr) {
      exchanges_.back().call->on_request_end();
    }
  }

  void on_response(const http1::Head& head) override {
    if (exchanges_.empty()) {
      return;
    }
    Exchange& exchange = exchanges_.front();
    if (exchange.call != nullptr) {
      auto facts =
          response_facts(head.status, [&head](std::string_view name) { return head.field(name); });
      facts.content_encoding = head.codings();  // HTTP/1 may have coded the transfer as well
      exchange.call->on_response_head(std::move(facts));
    }
    if (head.status == 101 && exchange.upgrade != nullptr) {
      websocket_ = std::move(exchange.upgrade);
      websocket_->on_handshake(head.status, head.field("sec-websocket-extensions"), true);
    }
  }

  void on_response_body(Bytes body) override {
    if (!exchanges_.empty() && exchanges_.front().call != nullptr) {
      exchanges_.front().call->on_response_body(body, books_->now);
    }
  }

  void on_response_end(std::uint64_t octets, http1::BodyEnd how) override {
    close_front(how == http1::BodyEnd::complete, octets);
    if (!exchanges_.empty()) {
      exchanges_.erase(exchanges_.begin());
    }
    if (exchanges_.empty()) {
      exchanges_ = std::vector<Exchange>();  // an idle connection keeps no buffer
    }
  }

  /// Counts the oldest exchange; the place of it stays until its response has passed.
  void close_front(bool body_complete, std::uint64_t bytes_in) {
    if (exchanges_.empty() || exchanges_.front().call == nullptr) {
      return;
    }
    Exchange& exchange = exchanges_.front();
    usage::Call::End end;
    end.at = books_->now;
    end.body_complete = body_complete;
    end.bytes_in = bytes_in;
    end.bytes_out = exchange.request_ended ? exchange.bytes_out
                                           : reader_.open_octets(http1::Direction::request);
    books_->close(std::exchange(exchange.call, nullptr), end);
  }

  /// Nothing more will be read: every open call becomes what was seen of it.
  void give_up() {
    std::uint64_t bytes_in = reader_.open_octets(http1::Direction::response);
    while (!exchanges_.empty()) {
      close_front(false, bytes_in);
      exchanges_.erase(exchanges_.begin());
      bytes_in = 0;
    }
    exchanges_ = std::vector<Exchange>();
  }

  Books* books_;
  http1::ConnectionReader reader_;
  usage::Micros request_began_{};
  std::unique_ptr<WebSocketCalls> websocket_;  // behind a 101
  bool upstream_ended_ = false;
  std::vector<Exchange> exchanges_;  // oldest first; the last one is being sent
};

}  // namespace

std::unique_ptr<ProtocolReader> make_http1_reader(Books* books) {
  return std::make_unique<Http1Observer>(books);
}

}  // namespace agp::relay
