#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace agp::ls {

/// A language server's HTTPS port on loopback, answering from a function. Lives on the test's own
/// io_context: no thread, no sleep.
class FakeConnectServer {
 public:
  struct Reply {
    unsigned status = 200;
    std::string body = "{}";
    bool close_instead = false;  // the connection ends without an answer
    bool never = false;          // no answer at all
    std::string raw = {};        // sent as it is in place of status and body
  };
  struct Call {
    std::string head;
    std::string method;
    std::string body;
  };
  using Answer = std::function<Reply(const Call&)>;

  /// @param port  0: any free one.
  FakeConnectServer(boost::asio::io_context* io, Answer answer, std::uint16_t port = 0);
  ~FakeConnectServer();
  FakeConnectServer(const FakeConnectServer&) = delete;
  FakeConnectServer& operator=(const FakeConnectServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const std::string& certificate_pem() const;
  [[nodiscard]] const std::vector<Call>& calls() const;
  [[nodiscard]] std::size_t count(const std::string& method) const;
  [[nodiscard]] unsigned connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A self-signed certificate for localhost and its key, PEM.
[[nodiscard]] std::pair<std::string, std::string> make_certificate();

/// Runs one awaitable to its end on the test's own io_context.
template <class T>
T wait(boost::asio::io_context* io, boost::asio::awaitable<T> task) {
  std::optional<T> out;
  boost::asio::co_spawn(*io, std::move(task), [&](std::exception_ptr bug, T value) {
    EXPECT_FALSE(bug);
    out.emplace(std::move(value));
  });
  while (!out) {
    io->run_one();
  }
  return std::move(*out);
}

}  // namespace agp::ls
