#include "daemon/relay/observer.h"

#include "daemon/http1/reader.h"
#include "daemon/usage/call.h"
#include "daemon/usage/endpoint.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace agp::relay {
namespace {

std::string without_port(std::string_view host) {
  if (host.starts_with('[')) {
    return usage::lower(host.substr(0, host.find(']') + 1));
  }
  return usage::lower(host.substr(0, host.find(':')));
}

}  // namespace

class Observer::Impl final : private http1::Sink {
 public:
  explicit Impl(ConnectionFacts facts) : facts_(std::move(facts)), reader_(this) {}

  void on_bytes(Side from, Bytes plaintext, usage::Micros now) {
    now_ = now;
    // HTTP/2 has its own reader; what is not HTTP/1.1 is never guessed at.
    if (facts_.protocol == "h2") {
      return;
    }
    reader_.feed(direction(from), plaintext);
    if (reader_.is_unparsed()) {
      give_up();
    }
  }

  void on_end(Side from, End how, usage::Micros now) {
    now_ = now;
    reader_.finish(direction(from), how == End::clean);
    upstream_ended_ = upstream_ended_ || from == Side::upstream;
    if (upstream_ended_ || how == End::abrupt) {
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

  std::optional<usage::Record> next_record() {
    if (records_.empty()) {
      return std::nullopt;
    }
    usage::Record record = std::move(records_.front());
    records_.erase(records_.begin());
    return record;
  }

  [[nodiscard]] bool is_idle() const {
    return exchanges_.empty() && !is_request_begun_ && !is_unparsed();
  }

  [[nodiscard]] bool is_unparsed() const {
    return facts_.protocol == "h2" || reader_.is_unparsed() || reader_.is_upgraded();
  }

 private:
  /// One request, and its response when it comes.
  struct Exchange {
    std::unique_ptr<usage::Call> call;  // null: no model call, or counted already
    std::uint64_t bytes_out = 0;
    bool request_ended = false;
  };

  static http1::Direction direction(Side from) {
    return from == Side::client ? http1::Direction::request : http1::Direction::response;
  }

  void on_begin(http1::Direction which) override {
    if (which == http1::Direction::request) {
      request_began_ = now_;
      is_request_begun_ = true;
    } else if (!exchanges_.empty() && exchanges_.front().call != nullptr) {
      exchanges_.front().call->on_response_begin(now_);
    }
  }

  void on_request(const http1::Head& head) override {
    Exchange exchange;
    std::string host = facts_.host.empty() ? without_port(head.field("host")) : facts_.host;
    if (auto endpoint = usage::classify(host, head.method, head.target)) {
      usage::CallFacts facts;
      facts.host = std::move(host);
      facts.path = usage::clip(usage::path_of(head.target), usage::kMaxPathBytes);
      facts.protocol = facts_.protocol.empty() ? "http/1.1" : facts_.protocol;
      facts.local_uid = facts_.local_uid;
      facts.instance = facts_.instance;
      facts.started_at = request_began_;
      facts.request_encoding = std::string(head.field("content-encoding"));
      exchange.call = std::make_unique<usage::Call>(std::move(*endpoint), std::move(facts));
    }
    exchanges_.push_back(std::move(exchange));
    is_request_begun_ = false;
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
    if (exchanges_.empty() || exchanges_.front().call == nullptr) {
      return;
    }
    usage::ResponseFacts facts;
    facts.http_status = head.status;
    facts.content_type = std::string(head.field("content-type"));
    facts.content_encoding = std::string(head.field("content-encoding"));
    facts.service_tier = std::string(head.field("x-gemini-service-tier"));
    facts.trace_id = std::string(head.field("x-cloudaicompanion-trace-id"));
    facts.request_id = std::string(head.field("request-id"));
    if (facts.request_id.empty()) {
      facts.request_id = std::string(head.field("x-request-id"));
    }
    exchanges_.front().call->on_response_head(std::move(facts));
  }

  void on_response_body(Bytes body) override {
    if (!exchanges_.empty() && exchanges_.front().call != nullptr) {
      exchanges_.front().call->on_response_body(body);
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
    end.at = now_;
    end.body_complete = body_complete;
    end.bytes_in = bytes_in;
    end.bytes_out = exchange.request_ended ? exchange.bytes_out
                                           : reader_.open_octets(http1::Direction::request);
    records_.push_back(exchange.call->finish(end));
    exchange.call.reset();
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

  ConnectionFacts facts_;
  http1::ConnectionReader reader_;
  usage::Micros now_{};
  usage::Micros request_began_{};
  bool upstream_ended_ = false;
  bool is_request_begun_ = false;    // its head is not whole yet
  std::vector<Exchange> exchanges_;  // oldest first; the last one is being sent
  std::vector<usage::Record> records_;
};

Observer::Observer(ConnectionFacts facts) : impl_(std::make_unique<Impl>(std::move(facts))) {}
Observer::Observer(Observer&&) noexcept = default;
Observer& Observer::operator=(Observer&&) noexcept = default;
Observer::~Observer() = default;

void Observer::on_bytes(Side from, Bytes plaintext, usage::Micros now) {
  impl_->on_bytes(from, plaintext, now);
}

void Observer::on_end(Side from, End how, usage::Micros now) {
  impl_->on_end(from, how, now);
}

std::optional<usage::Record> Observer::next_record() {
  return impl_->next_record();
}

bool Observer::is_idle() const {
  return impl_->is_idle();
}

bool Observer::is_unparsed() const {
  return impl_->is_unparsed();
}

}  // namespace agp::relay
