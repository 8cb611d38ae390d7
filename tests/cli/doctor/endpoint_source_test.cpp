#include "cli/doctor/endpoint_source.h"

#include "common/base/unique_fd.h"

#include <array>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace agp::cli::doctor {
namespace {

/// A loopback port that answers one connection with a text.
class OneAnswer {
 public:
  OneAnswer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listener_.get(), address(), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }

  Endpoint ask(const std::string& text) {
    std::thread server([&] {
      const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      std::array<char, 1024> request{};
      const auto count = ::recv(client.get(), request.data(), request.size(), 0);
      asked = std::string(request.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
      (void)::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);  // the asker judges it
    });
    auto out = ask_endpoint("test", address(), sizeof address_, "/health");
    server.join();
    return out;
  }
  Endpoint ask_nobody() {
    listener_.reset();
    return ask_endpoint("test", address(), sizeof address_, "/health");
  }
  std::string asked;

 private:
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  UniqueFd listener_;
  sockaddr_in address_{};
};

TEST(EndpointSource, ReadsTheStatus) {
  OneAnswer server;
  const auto endpoint = server.ask("HTTP/1.1 503 Service Unavailable\r\n\r\n");
  EXPECT_EQ(endpoint.status, 503);
  EXPECT_EQ(endpoint.problem, "");
  EXPECT_TRUE(server.asked.starts_with("GET /health HTTP/1.1\r\nHost: localhost:8741\r\n"))
      << server.asked;
}

TEST(EndpointSource, AnotherServerIsToldApart) {
  for (const char* text : {"220 mail ready\r\n", "HTTP/1.1 x00\r\n", ""}) {
    OneAnswer server;
    const auto endpoint = server.ask(text);
    EXPECT_EQ(endpoint.status, 0) << text;
    EXPECT_NE(endpoint.problem, "") << text;
  }
}

TEST(EndpointSource, NobodyThereIsSaid) {
  OneAnswer server;
  EXPECT_EQ(server.ask_nobody().problem, "Connection refused");
}

}  // namespace
}  // namespace agp::cli::doctor
