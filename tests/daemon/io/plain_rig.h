#pragma once

#include "daemon/io/acceptor.h"
#include "daemon/io/listen_fds.h"
#include "daemon/io/worker.h"
#include "tests/support/certificates.h"

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

/// Workers behind real loopback sockets, and blocking peers that give up after 20 seconds.
namespace agp::io::testing_rig {

using namespace std::chrono_literals;
using relay::Disposition;

constexpr const char* kHost = "api.example.com";

inline const testing::TestKeyPair& authority() {
  static const auto made =
      testing::make_certificate({.name = "test authority", .is_authority = true});
  return made;
}

inline std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

inline void bound_waits(int fd) {
  const timeval limit{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

inline UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bound_waits(fd.get());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

inline UniqueFd blocking_listener(const std::string& address = "127.0.0.1:0") {
  auto listening = listen_on(address);
  if (!listening) {
    return {};
  }
  auto fd = std::move(*listening);
  ::fcntl(fd.get(), F_SETFL, 0);
  bound_waits(fd.get());
  return fd;
}

inline UniqueFd accept_from(const UniqueFd& listener) {
  UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  bound_waits(fd.get());
  return fd;
}

inline bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Up to `size` octets; fewer when the stream ends.
inline std::string receive(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const auto some = ::recv(fd, text.data() + got, size - got, 0);
    if (some <= 0) {
      break;
    }
    got += static_cast<std::size_t>(some);
  }
  text.resize(got);
  return text;
}

inline std::string receive_head(int fd) {
  std::string text;
  char c = 0;
  while (!text.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1) {
    text.push_back(c);
  }
  return text;
}

/// errno of the read that ends the stream, or 0 for an orderly end.
inline int how_it_ends(int fd) {
  char bytes[4096];
  for (;;) {
    const auto got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
      return got == 0 ? 0 : errno;
    }
  }
}

/// A block of odd size again and again: what is lost, doubled or out of place shows.
inline std::string pattern(std::size_t size) {
  std::string block(65'521, '\0');
  std::uint32_t state = 12345;
  for (auto& c : block) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  std::string made;
  made.reserve(size + block.size());
  while (made.size() < size) {
    made += block;
  }
  made.resize(size);
  return made;
}

class AllowsAll final : public rewrite::Rules {
 public:
  rewrite::Verdict check(std::string_view, std::string_view) const override { return {}; }
};

class Surroundings final : public relay::Surroundings {
 public:
  relay::Rewriting rewriting(rewrite::Protocol protocol, rewrite::Options options) override {
    relay::Rewriting made;
    made.rules = std::make_unique<AllowsAll>();
    made.relay = rewrite::Relay::make(protocol, std::move(options), made.rules.get());
    return made;
  }
  explicit Surroundings(Disposition disposition) : disposition_(disposition) {}
  relay::Decision decide(const relay::Hello&, std::string_view, usage::Micros) override {
    return {.disposition = disposition_};
  }
  SSL_CTX* upstream_context() override { return upstream_.get(); }
  Result<tls::Identity> identity(const std::string& host, usage::Micros) override {
    return tls::Identity{
        testing::server_context(testing::make_certificate({.name = host}, &authority()))};
  }

 private:
  Disposition disposition_;
  std::shared_ptr<SSL_CTX> upstream_ = testing::client_context(authority());
};

struct Options {
  Disposition disposition = Disposition::tunnel;
  std::size_t workers = 1;
  Settings settings = {};
  Acceptor::Limits limits = {};
  Acceptor::Wait wait = ::poll;
  bool starts_accepting = true;
};

struct PlainRig {
  Counters counters;
  UniqueFd upstream = blocking_listener();
  std::vector<std::unique_ptr<Worker>> workers;
  std::unique_ptr<Acceptor> acceptor;
  std::vector<std::thread> threads;
  std::uint16_t connect_port = 0;
  std::uint16_t reverse_port = 0;

  explicit PlainRig(Options options = {}) {
    (void)::signal(SIGPIPE, SIG_IGN);  // as the daemon does: splice(2) knows no MSG_NOSIGNAL
    options.settings.destinations.allowed = {*config::Network::parse("127.0.0.0/8")};
    options.settings.destinations.port = port_of(upstream.get());
    std::vector<Worker*> borrowed;
    for (std::size_t i = 0; i < options.workers; ++i) {
      workers.push_back(std::make_unique<Worker>(
          options.settings, std::make_unique<Surroundings>(options.disposition), Hooks{},
          &counters));
      borrowed.push_back(workers.back().get());
    }
    acceptor = std::make_unique<Acceptor>(borrowed, options.limits, &counters, options.wait);
    auto connect = std::move(*listen_on("127.0.0.1:0"));
    connect_port = port_of(connect.get());
    EXPECT_TRUE(acceptor->listen(std::move(connect), {Entry::connect, {}}));
    auto reverse = std::move(*listen_on("127.0.0.1:0"));
    reverse_port = port_of(reverse.get());
    const ReverseTarget target{"localhost", port_of(upstream.get())};
    EXPECT_TRUE(acceptor->listen(std::move(reverse),
                                 {Entry::reverse, std::make_shared<const ReverseTarget>(target)}));
    if (options.starts_accepting) {
      start();
    }
  }
  PlainRig(const PlainRig&) = delete;
  PlainRig& operator=(const PlainRig&) = delete;
  PlainRig(PlainRig&&) = delete;
  PlainRig& operator=(PlainRig&&) = delete;
  ~PlainRig() { stop(0ms); }

  void start() {
    for (auto& worker : workers) {
      threads.emplace_back([each = worker.get()] { each->run(); });
    }
    threads.emplace_back([this] { acceptor->run(); });
  }
  void stop(std::chrono::milliseconds grace) {
    acceptor->stop();
    for (auto& worker : workers) {
      worker->stop(grace);
    }
    for (auto& thread : threads) {
      thread.join();
    }
    threads.clear();
  }

  [[nodiscard]] std::string connect_head(const std::string& host = "127.0.0.1") const {
    return "CONNECT " + host + ':' + std::to_string(port_of(upstream.get())) + " HTTP/1.1\r\n\r\n";
  }
  /// A tunnel that is up: the first octet has passed.
  struct Tunnel {
    UniqueFd client;
    UniqueFd upstream;
  };
  [[nodiscard]] Tunnel tunnel() {
    Tunnel made;
    made.client = connect_to(connect_port);
    EXPECT_TRUE(send_all(made.client.get(), connect_head() + "!"));  // no TLS record begins so
    EXPECT_NE(receive_head(made.client.get()).find(" 200 "), std::string::npos);
    made.upstream = accept_from(upstream);
    EXPECT_EQ(receive(made.upstream.get(), 1), "!");
    return made;
  }
};

}  // namespace agp::io::testing_rig
