#include "daemon/ls/connect_stream.h"

#include "common/base/bytes.h"
#include "daemon/ls/connect_error.h"
#include "daemon/ls/connection.h"
#include "daemon/ls/envelope.h"
#include "daemon/ls/errors.h"

#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kErrorBodyLimit = std::size_t{64} * 1024;

using Duration = std::chrono::steady_clock::duration;
using Message = std::optional<std::string>;

/// A body that is taken out of the message as it comes. Unlike string_body it reserves nothing by
/// what the head promises.
struct PassingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(&body) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& ec) {
      ec = {};
      for (const auto part : beast::buffers_range_ref(buffers)) {
        body_->append(static_cast<const char*>(part.data()), part.size());
      }
      return beast::buffer_bytes(buffers);
    }
    void finish(boost::system::error_code& ec) { ec = {}; }

   private:
    value_type* body_;
  };
};

}  // namespace

class ConnectStream::Impl {
 public:
  Impl(std::shared_ptr<const Endpoint> endpoint, Limits limits)
      : connection_(std::move(endpoint)), reader_(limits.message_bytes) {
    parser_.body_limit(boost::none);  // messages have their limit, a stream has none
    parser_.eager(true);
  }

  asio::awaitable<Result<>> open(std::string method,
                                 WireCoding coding,
                                 std::string message,
                                 Duration limit) {
    method_ = std::move(method);
    auto opened = co_await connection_.open(limit);
    if (!opened) {
      co_return opened;
    }
    const Deadline deadline(connection_.socket(), limit);
    const std::string body = envelope(message);
    const std::string_view content_type =
        coding == WireCoding::json ? "application/connect+json" : "application/connect+proto";
    const std::string request = connection_.request_head(method_, content_type, body.size()) + body;
    const auto octets = asio::buffer(request);
    auto [ec, written] = co_await asio::async_write(connection_.stream(), octets, kTuple);
    if (ec) {
      connection_.close();
      co_return transport_error(ec, deadline, method_);
    }
    co_return Result<>();
  }

  asio::awaitable<Result<Message>> next(Duration silence) {
    if (Message ready = reader_.next_message()) {
      co_return ready;
    }
    if (!is_over_ && !connection_.is_open()) {
      is_over_ = true;
      outcome_ = Error{Errc::unreachable, method_ + ": not open"};
    }
    if (is_over_) {
      co_return end();
    }
    const Deadline deadline(connection_.socket(), silence);
    for (;;) {
      const auto into = asio::buffer(part_);
      auto [ec, got] = co_await connection_.stream().async_read_some(into, kTuple);
      received_.append(part_.data(), got);
      consume(ec, deadline);
      if (is_over_) {
        connection_.close();
      }
      if (Message ready = reader_.next_message()) {
        co_return ready;
      }
      if (is_over_) {
        co_return end();
      }
    }
  }

 private:
  [[nodiscard]] Result<Message> end() const {
    return outcome_ ? Result<Message>(Message()) : Result<Message>(outcome_.error());
  }

  void finish(Result<> outcome) {
    is_over_ = true;
    outcome_ = std::move(outcome);
  }

  void consume(const boost::system::error_code& read_error, const Deadline& deadline) {
    boost::system::error_code ec;
    if (!received_.empty()) {
      const std::size_t used = parser_.put(asio::buffer(received_), ec);
      received_.erase(0, used);
      if (ec && ec != http::error::need_more) {
        finish(Error{Errc::bad_answer, method_ + ": " + ec.message()});
        return;
      }
      take_body();
    }
    if (is_over_) {
      return;
    }
    if (read_error == asio::error::eof && parser_.got_some() && !parser_.is_done()) {
      parser_.put_eof(ec);  // ends a body without a length
    }
    if (parser_.is_done()) {
      on_body_end();
    } else if (read_error) {
      finish(transport_error(read_error, deadline, method_));
    }
  }

  void take_body() {
    if (!parser_.is_header_done()) {
      return;
    }
    const auto& head = parser_.get();
    if (head.result() != http::status::ok) {
      if (head.body().size() > kErrorBodyLimit) {
        finish(http_error(head.result_int(), "", method_));
      }
      return;
    }
    if (!is_stream(head)) {
      finish(Error{Errc::bad_answer, method_ + ": the answer is no stream"});
      return;
    }
    const std::string piece = std::exchange(parser_.get().body(), {});
    if (auto fed = reader_.feed(as_bytes(piece)); !fed || reader_.is_ended()) {
      finish(with_method(reader_.outcome()));
    }
  }

  void on_body_end() {
    const auto& head = parser_.get();
    if (head.result() != http::status::ok) {
      finish(http_error(head.result_int(), head.body(), method_));
    } else {
      finish(with_method(reader_.outcome()));
    }
  }

  static bool is_stream(const http::response<PassingBody>& head) {
    const auto coding = head[http::field::content_encoding];
    return head[http::field::content_type].starts_with("application/connect+") &&
           (coding.empty() || coding == "identity");
  }

  [[nodiscard]] Result<> with_method(Result<> outcome) const {
    return outcome ? outcome
                   : Error{outcome.error().code, method_ + ": " + outcome.error().context};
  }

  Connection connection_;
  EnvelopeReader reader_;
  http::response_parser<PassingBody> parser_;
  std::string method_;
  std::string received_;
  std::array<char, 16 * 1024> part_{};
  bool is_over_ = false;
  Result<> outcome_;
};

ConnectStream::ConnectStream(std::shared_ptr<const Endpoint> endpoint)
    : ConnectStream(std::move(endpoint), Limits{}) {}
ConnectStream::ConnectStream(std::shared_ptr<const Endpoint> endpoint, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(endpoint), limits)) {}
ConnectStream::ConnectStream(ConnectStream&&) noexcept = default;
ConnectStream& ConnectStream::operator=(ConnectStream&&) noexcept = default;
ConnectStream::~ConnectStream() = default;

asio::awaitable<Result<>> ConnectStream::open(std::string method,
                                              WireCoding coding,
                                              std::string message,
                                              std::chrono::steady_clock::duration limit) {
  return impl_->open(std::move(method), coding, std::move(message), limit);
}

asio::awaitable<Result<std::optional<std::string>>> ConnectStream::next(
    std::chrono::steady_clock::duration silence) {
  return impl_->next(silence);
}

}  // namespace agp::ls
