#pragma once

#include "daemon/api/http_server.h"
#include "tests/daemon/api/fake_ledger.h"

#include <condition_variable>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace agp::api::test {

using namespace std::chrono_literals;

/// Says what it is told to and ends, at once or when the test lets it.
class FakeTurns final : public TurnPort {
 public:
  boost::asio::awaitable<TurnOutcome> run(TurnRequest request, TurnListener* listener) override {
    const std::vector<openai::TurnEvent> said = events;
    const bool waits = holds;
    {
      const std::lock_guard lock(mutex);
      asked = std::move(request);
      ++begun;
    }
    for (const auto& event : said) {
      listener->on_event(event);
    }
    changed.notify_all();
    if (waits) {
      auto executor = co_await boost::asio::this_coro::executor;
      boost::asio::steady_timer hold(executor, boost::asio::steady_timer::time_point::max());
      held.push_back({listener, &hold});
      co_await boost::asio::this_coro::throw_if_cancelled(false);
      (void)co_await hold.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      held.remove_if([&hold](const Held& one) { return one.second == &hold; });
      const auto state = co_await boost::asio::this_coro::cancellation_state;
      if (state.cancelled() != boost::asio::cancellation_type::none) {
        const std::lock_guard lock(mutex);
        ++cancelled;
        changed.notify_all();
      }
    }
    co_return outcome;
  }
  /// Waits until so many turns have begun, or been cancelled.
  void await_begun(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun >= count; });
  }
  void await_cancelled(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return cancelled >= count; });
  }

  std::vector<openai::TurnEvent> events{openai::TurnStarted{"gemini-3-flash", "c-1"},
                                        openai::TextAppended{"Hello."}};
  TurnOutcome outcome;
  bool holds = false;
  using Held = std::pair<TurnListener*, boost::asio::steady_timer*>;
  std::list<Held> held;  // on the server's thread
  std::mutex mutex;
  std::condition_variable changed;
  TurnRequest asked;
  std::size_t begun = 0;
  std::size_t cancelled = 0;
};

inline UniqueFd tcp_listener(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  const auto* address =
      family == AF_INET ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  const socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
  EXPECT_EQ(::bind(fd.get(), address, size), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

struct Name {
  sockaddr_storage address{};
  socklen_t size = sizeof(sockaddr_storage);
};

inline Name name_of(int fd) {
  Name name;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name.address), &name.size), 0);
  return name;
}

inline std::uint16_t port_of(const Name& name) {
  return ntohs(reinterpret_cast<const sockaddr_in*>(&name.address)->sin_port);
}

// A client that blocks; the receive limit is reached only when a test fails.
class Client {
 public:
  explicit Client(const Name& to)
      : fd_(::socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{60, 0};
    EXPECT_EQ(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to.address), to.size), 0);
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        return;  // the server has closed: what it said is read next
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // One response by its Content-Length; empty at the end of the stream.
  std::string read_response() {
    while (true) {
      const auto end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const auto at = buffer_.find("Content-Length: ");
        const auto length =
            at < end ? static_cast<std::size_t>(std::stoul(buffer_.substr(at + 16))) : 0;
        if (buffer_.size() >= end + 4 + length) {
          auto out = buffer_.substr(0, end + 4 + length);
          buffer_.erase(0, end + 4 + length);
          return out;
        }
      }
      if (!receive()) {
        return {};
      }
    }
  }
  // The head of a response; what follows it is left to others.
  std::string read_head() { return read_until("\r\n\r\n"); }
  // Up to and with `end`; what there was when the stream ended before.
  std::string read_until(std::string_view end) {
    while (true) {
      if (const auto at = buffer_.find(end); at != std::string::npos) {
        auto out = buffer_.substr(0, at + end.size());
        buffer_.erase(0, at + end.size());
        return out;
      }
      if (!receive()) {
        return std::exchange(buffer_, {});
      }
    }
  }
  // All that comes until the stream ends.
  std::string read_rest() {
    while (receive()) {
    }
    return std::exchange(buffer_, {});
  }
  // A body in chunks, put together; empty optional when it was cut off.
  std::optional<std::string> read_chunks() {
    std::string out;
    while (true) {
      const auto line = read_until("\r\n");
      if (line.empty()) {
        return std::nullopt;
      }
      const auto size = std::stoul(line, nullptr, 16);
      while (buffer_.size() < size + 2) {
        if (!receive()) {
          return std::nullopt;
        }
      }
      if (size == 0) {
        buffer_.erase(0, 2);
        return out;
      }
      out += buffer_.substr(0, size);
      buffer_.erase(0, size + 2);
    }
  }
  std::string ask(std::string_view text) {
    send(text);
    return read_response();
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  bool receive() {
    char chunk[4096];
    const auto n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (n > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(n));
    }
    return n > 0;
  }

  UniqueFd fd_;
  std::string buffer_;
};

/// A server on loopback, its threads, and a ledger of the test's choice.
class HttpServerTest : public ::testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    ServerPorts ports;
    ports.ledger = other_ledger_ != nullptr ? other_ledger_ : &ledger_;
    ports.turns = &turns_;
    ports.status = [] {
      StatusReport report;
      report.version = "1.2.3";
      return report;
    };
    ports.visibility.daemon_uid = 4242;
    ports.visibility.ls_uid = 4343;
    ports.now = [] {
      return usage::Micros(std::chrono::seconds(1'795'320'000));
    };
    ports.seal = [](std::string_view text) {
      const auto number = std::to_string(std::hash<std::string_view>()(text));
      return std::string(32 - number.size(), '0') + number;
    };
    if (peer_) {
      ports.peer = peer_;
    }
    auto listener = tcp_listener(AF_INET);
    where_ = name_of(listener.get());
    server_ = std::make_unique<HttpServer>(&io_, &pool_, std::move(ports), limits);
    ASSERT_TRUE(server_->listen(std::move(listener)));
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    if (server_ == nullptr) {
      return;
    }
    boost::asio::post(io_, [this] { server_->stop(); });
    thread_.join();
    pool_.join();
  }
  [[nodiscard]] std::string host() const {
    return "Host: 127.0.0.1:" + std::to_string(port_of(where_)) + "\r\n";
  }
  [[nodiscard]] std::string get(const std::string& target, const std::string& more = "") const {
    return "GET " + target + " HTTP/1.1\r\n" + host() + more + "\r\n";
  }
  /// Runs on the server's thread.
  void on_server(const std::function<void()>& what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().get();
  }
  [[nodiscard]] std::string post(const std::string& body,
                                 const std::string& more = "",
                                 const std::string& path = "/v1/responses") const {
    return "POST " + path + " HTTP/1.1\r\n" + host() + "Content-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
  }

  FakeLedger ledger_;
  ledger::Ledger* other_ledger_ = nullptr;
  FakeTurns turns_;
  std::function<Result<std::uint32_t>(int)> peer_;
  boost::asio::io_context io_{1};
  boost::asio::thread_pool pool_{1};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  Name where_;
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace agp::api::test
