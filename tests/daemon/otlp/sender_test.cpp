#include "daemon/otlp/sender.h"

#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using asio::ip::tcp;

// One connection: reads a request, answers with these octets.
class ReceiverDouble {
 public:
  explicit ReceiverDouble(std::string answer)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        port_(acceptor_.local_endpoint().port()),
        thread_([this, answer = std::move(answer)] { serve(answer); }) {}
  ReceiverDouble(const ReceiverDouble&) = delete;
  ReceiverDouble& operator=(const ReceiverDouble&) = delete;
  ReceiverDouble(ReceiverDouble&&) = delete;
  ReceiverDouble& operator=(ReceiverDouble&&) = delete;
  ~ReceiverDouble() { join(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  const http::request<http::string_body>& request() {
    join();
    return request_;
  }

 private:
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  void serve(const std::string& answer) {
    tcp::socket peer(context_);
    acceptor_.accept(peer);
    boost::beast::flat_buffer buffer;
    boost::system::error_code ignored;  // a client that is no HTTP
    http::read(peer, buffer, request_, ignored);
    asio::write(peer, asio::buffer(answer), ignored);
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  http::request<http::string_body> request_;
  std::thread thread_;
};

Result<Answer> post(const std::string& url, Fields fields = {}) {
  auto sender = Sender::make(*config::HttpUrl::parse(url), std::move(fields), "");
  EXPECT_TRUE(sender);
  asio::io_context context;
  std::optional<Result<Answer>> out;
  asio::co_spawn(context, sender->post("octets", 10s),
                 [&](const std::exception_ptr& bug, Result<Answer> answer) {
                   EXPECT_FALSE(bug);
                   out.emplace(std::move(answer));
                 });
  context.run();
  return *out;
}

std::string url(std::uint16_t port, const std::string& scheme = "http") {
  return scheme + "://127.0.0.1:" + std::to_string(port) + "/v1/metrics?x=1";
}

TEST(OtlpSender, PostsAsTheProtocolHasIt) {
  ReceiverDouble receiver("HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbody");
  Fields fields;
  fields.emplace_back("X-Token", Secret<std::string>("sesame"));
  const auto answer = post(url(receiver.port()), std::move(fields));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 503U);
  EXPECT_EQ(answer->retry_after, "7");
  EXPECT_EQ(answer->body, "body");
  const auto& got = receiver.request();
  EXPECT_EQ(got.method(), http::verb::post);
  EXPECT_EQ(got.target(), "/v1/metrics?x=1");
  EXPECT_EQ(got[http::field::content_type], "application/x-protobuf");
  EXPECT_EQ(got[http::field::host], "127.0.0.1:" + std::to_string(receiver.port()));
  EXPECT_EQ(got["x-token"], "sesame");
  EXPECT_EQ(got.body(), "octets");
}

TEST(OtlpSender, AnAnswerThatIsNoneIsAnError) {
  ReceiverDouble receiver("SSH-2.0-nonsense\r\n\r\n");
  EXPECT_FALSE(post(url(receiver.port())));
}

TEST(OtlpSender, AnAnswerWithoutEndIsAnError) {
  ReceiverDouble receiver("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_FALSE(post(url(receiver.port())));
}

TEST(OtlpSender, NobodyThereIsAnErrorThatDoesNotTellThePath) {
  asio::io_context context;
  tcp::acceptor bound(context, {asio::ip::address_v4::loopback(), 0});
  const auto port = bound.local_endpoint().port();
  bound.close();
  const auto answer = post(url(port));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().context, "connect to http://127.0.0.1:" + std::to_string(port));
}

TEST(OtlpSender, APeerWithoutTlsIsNotSpokenTo) {
  ReceiverDouble receiver("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(post(url(receiver.port(), "https")));
  EXPECT_TRUE(receiver.request().body().empty());
}

}  // namespace
}  // namespace agp::otlp
