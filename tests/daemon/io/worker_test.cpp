#include "daemon/io/worker.h"

#include "daemon/io/acceptor.h"
#include "daemon/io/listen_fds.h"
#include "tests/support/certificates.h"
#include "tests/support/heap.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

/// Real sockets on loopback: a client, one worker, an upstream. Explicit mode, so that no redirect
/// rule and no root is needed.
namespace agp::io {
namespace {

using namespace std::chrono_literals;
using relay::Disposition;
using testing::make_certificate;

constexpr const char* kHost = "daily-cloudcode-pa.googleapis.com";

const testing::TestKeyPair& authority() {
  static const auto made = make_certificate({.name = "test authority", .is_authority = true});
  return made;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

class Surroundings final : public relay::Surroundings {
 public:
  explicit Surroundings(Disposition disposition) : disposition_(disposition) {}
  relay::Decision decide(const relay::Hello&, std::string_view, usage::Micros) override {
    return {.disposition = disposition_};
  }
  SSL_CTX* upstream_context() override { return upstream_.get(); }
  Result<tls::Identity> identity(const std::string& host, usage::Micros) override {
    if (!leaf_) {
      leaf_ = testing::server_context(make_certificate({.name = host}, &authority()));
    }
    return tls::Identity{leaf_};
  }

 private:
  Disposition disposition_;
  std::shared_ptr<SSL_CTX> upstream_ = testing::client_context(authority());
  std::shared_ptr<SSL_CTX> leaf_;
};

struct Fd {
  UniqueFd fd;
  // Blocking with a bound: a hanging test fails instead.
  explicit Fd(int raw) : fd(raw) {
    const timeval limit{20, 0};
    ::setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
};

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

// A blocking TLS endpoint.
struct Tls {
  Fd socket;
  std::unique_ptr<SSL, SslFree> ssl;

  Tls(int raw, SSL_CTX* context) : socket(raw), ssl(SSL_new(context)) {
    SSL_set_fd(ssl.get(), raw);
  }
  bool connect() {
    SSL_set_tlsext_host_name(ssl.get(), kHost);
    return SSL_connect(ssl.get()) == 1;
  }
  bool accept() { return SSL_accept(ssl.get()) == 1; }
  bool write(std::string_view text) {
    std::size_t done = 0;
    return SSL_write_ex(ssl.get(), text.data(), text.size(), &done) == 1 && done == text.size();
  }
  std::string read_some() {
    std::string got(65536, '\0');
    std::size_t size = 0;
    got.resize(SSL_read_ex(ssl.get(), got.data(), got.size(), &size) == 1 ? size : 0);
    return got;
  }
  std::string read(std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const auto some = read_some();
      if (some.empty()) {
        break;
      }
      all += some;
    }
    return all;
  }
};

struct Rig {
  Counters counters;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<relay::Report> reports;
  std::deque<usage::Record> records;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Acceptor> acceptor;
  std::thread thread;
  std::thread accepting;
  UniqueFd upstream_listener = std::move(*listen_on("127.0.0.1:0"));
  std::uint16_t port = 0;
  std::shared_ptr<SSL_CTX> client_side = testing::client_context(authority());
  std::shared_ptr<SSL_CTX> server_side =
      testing::server_context(make_certificate({.name = kHost}, &authority()));

  explicit Rig(Disposition disposition = Disposition::inspect, Settings settings = {}) {
    ::fcntl(upstream_listener.get(), F_SETFL, 0);
    const timeval limit{20, 0};
    ::setsockopt(upstream_listener.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    settings.destinations.allowed = {*config::Network::parse("127.0.0.0/8")};
    settings.destinations.port = port_of(upstream_listener.get());
    Hooks hooks;
    hooks.on_record = [this](usage::Record record) {
      const std::lock_guard lock(mutex);
      records.push_back(std::move(record));
      changed.notify_all();
    };
    hooks.on_report = [this](const relay::Report& report) {
      const std::lock_guard lock(mutex);
      reports.push_back(report);
      changed.notify_all();
    };
    worker = std::make_unique<Worker>(settings, std::make_unique<Surroundings>(disposition), hooks,
                                      &counters);
    auto listener = std::move(*listen_on("127.0.0.1:0"));
    port = port_of(listener.get());
    acceptor = std::make_unique<Acceptor>(std::vector<Worker*>{worker.get()}, Acceptor::Limits{},
                                          &counters);
    EXPECT_TRUE(acceptor->listen(std::move(listener), {Entry::connect, {}}));
    thread = std::thread([this] { worker->run(); });
    accepting = std::thread([this] { acceptor->run(); });
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  Rig(Rig&&) = delete;
  Rig& operator=(Rig&&) = delete;
  ~Rig() {
    acceptor->stop();
    accepting.join();
    if (thread.joinable()) {
      worker->stop(0ms);
      thread.join();
    }
  }

  template <class Predicate>
  bool wait_for(Predicate predicate) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, predicate);
  }
  bool wait_for_report(relay::Report::Kind kind) {
    return wait_for([&] {
      return std::any_of(reports.begin(), reports.end(),
                         [&](const auto& r) { return r.kind == kind; });
    });
  }

  int dial(const std::string& target = "") {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return fd;
    }
    const std::string head =
        "CONNECT " +
        (target.empty() ? "127.0.0.1:" + std::to_string(port_of(upstream_listener.get()))
                        : target) +
        " HTTP/1.1\r\n\r\n";
    (void)!::write(fd, head.data(), head.size());
    return fd;
  }
  // Reads the answer to CONNECT up to its empty line.
  static std::string answer(int fd) {
    std::string text;
    char c = 0;
    while (text.find("\r\n\r\n") == std::string::npos && ::read(fd, &c, 1) == 1) {
      text.push_back(c);
    }
    return text;
  }
  Tls client() {
    const int fd = dial();
    Tls made(fd, client_side.get());
    (void)answer(fd);
    return made;
  }
  Tls upstream() {
    return {::accept4(upstream_listener.get(), nullptr, nullptr, SOCK_CLOEXEC), server_side.get()};
  }
};

// Upstream is dialled once the client has named it, so both handshakes run side by side.
struct Connected {
  Tls client;
  std::optional<Tls> accepted;
  bool ok = false;
  explicit Connected(Rig& rig) : client(rig.client()) {
    bool is_answered = false;
    std::thread answering([&] {
      accepted.emplace(rig.upstream());
      is_answered = accepted->accept();
    });
    ok = client.connect();
    answering.join();
    ok = ok && is_answered;
  }
};

// Reads what is still under way, session tickets for one. @return errno of the failing read, or 0
// for an end of stream.
int how_it_ends(int fd) {
  char bytes[4096];
  for (;;) {
    const auto got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
      return got == 0 ? 0 : errno;
    }
  }
}

std::string pattern(std::size_t size) {
  std::string made(size, '\0');
  std::uint32_t state = 12345;
  for (auto& c : made) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return made;
}

TEST(Worker, CarriesMegabytesBothWaysAtOnceUnchanged) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  const std::string down = pattern(8U << 20U);
  const std::string up = pattern((4U << 20U) + 17);
  std::thread serving([&] { EXPECT_TRUE(peers.accepted->write(down)); });
  EXPECT_EQ(peers.client.read(down.size()), down);
  serving.join();
  std::thread sending([&] { EXPECT_TRUE(peers.client.write(up)); });
  EXPECT_EQ(peers.accepted->read(up.size()), up);
  sending.join();
}

TEST(Worker, CountsACallOverRealSockets) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  ASSERT_TRUE(peers.client.write("POST /v1internal:generateContent HTTP/1.1\r\nHost: " +
                                 std::string(kHost) + "\r\nContent-Length: 2\r\n\r\n{}"));
  (void)peers.accepted->read_some();
  const std::string body =
      R"({"response":{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,)"
      R"("candidatesTokenCount":2,"totalTokenCount":7},"modelVersion":"gemini-3-flash"}})";
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  ASSERT_TRUE(peers.accepted->write(answer));
  EXPECT_EQ(peers.client.read(answer.size()), answer);
  ASSERT_TRUE(rig.wait_for([&] { return !rig.records.empty(); }));
  EXPECT_EQ(rig.records[0].host, kHost);
  ASSERT_TRUE(rig.records[0].usage);
  EXPECT_EQ(rig.records[0].usage->total, 7U);
}

TEST(Worker, ASlowReaderStopsTheReadsAndLosesNothing) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  const std::string down = pattern(16U << 20U);
  std::atomic<bool> is_written{false};
  std::thread serving([&] {
    EXPECT_TRUE(peers.accepted->write(down));
    is_written = true;
  });
  // The client reads nothing: socket buffers on the way fill and the write cannot end, because
  // nothing between the two keeps 16 MiB. Progress is seen on the client's own socket.
  pollfd readable{peers.client.socket.fd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, 20'000), 1);
  std::string got = peers.client.read(1024);
  EXPECT_FALSE(is_written);
  got += peers.client.read(down.size() - got.size());
  serving.join();
  EXPECT_EQ(got, down);
}

// threat-model 67
TEST(Worker, AResetByUpstreamIsAResetForTheClient) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  const linger hard{1, 0};
  ::setsockopt(peers.accepted->socket.fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  peers.accepted->socket.fd.reset();
  EXPECT_EQ(how_it_ends(peers.client.socket.fd.get()), ECONNRESET);
}

// threat-model 67
TEST(Worker, AHalfCloseOfTheClientReachesUpstreamAndTheAnswerStillComesBack) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  ASSERT_EQ(SSL_shutdown(peers.client.ssl.get()), 0);
  ::shutdown(peers.client.socket.fd.get(), SHUT_WR);
  EXPECT_EQ(peers.accepted->read_some(), "");
  EXPECT_EQ(SSL_get_shutdown(peers.accepted->ssl.get()) & SSL_RECEIVED_SHUTDOWN,
            SSL_RECEIVED_SHUTDOWN);
  ASSERT_TRUE(peers.accepted->write("late answer"));
  EXPECT_EQ(peers.client.read(11), "late answer");
}

// What an inspected exchange leaves when it ends between two events of its answer.
enum class End {
  client_fin,
  client_reset,
  client_half_close,
  upstream_fin,
  upstream_reset,
  upstream_close_notify
};
constexpr std::size_t kEnds = 6;

void reset_at_close(const Tls& peer) {
  const linger hard{1, 0};
  ::setsockopt(peer.socket.fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/// The question, half of an answer that is a stream, and then the end that `how` says.
void end_in_the_middle(Rig& rig, End how) {
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  for (const auto* peer : {&peers.client, &*peers.accepted}) {
    const int on = 1;  // else each of them waits for an acknowledgement that is put off
    ::setsockopt(peer->socket.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ASSERT_TRUE(peers.client.write(
      "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: " + std::string(kHost) +
      "\r\nContent-Length: 2\r\n\r\n{}"));
  ASSERT_FALSE(peers.accepted->read_some().empty());
  ASSERT_TRUE(peers.accepted->write(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "400\r\ndata: {\"response\":{\"usageMetadata\":{\"promptTokenCount\":5}}}\n\ndata: {\"resp"));
  ASSERT_FALSE(peers.client.read_some().empty());
  const bool client_ends = how <= End::client_half_close;
  auto& leaving = client_ends ? peers.client : *peers.accepted;
  auto& staying = client_ends ? *peers.accepted : peers.client;
  switch (how) {
    case End::client_reset:
    case End::upstream_reset:
      reset_at_close(leaving);
      break;
    case End::client_half_close:
      ASSERT_EQ(SSL_shutdown(leaving.ssl.get()), 0);
      ::shutdown(leaving.socket.fd.get(), SHUT_WR);
      EXPECT_EQ(staying.read_some(), "");
      ASSERT_TRUE(staying.write("onse\":"));
      break;
    case End::upstream_close_notify:
      ASSERT_EQ(SSL_shutdown(leaving.ssl.get()), 0);
      break;
    case End::client_fin:
    case End::upstream_fin:
      break;
  }
  leaving.socket.fd.reset();
  (void)how_it_ends(staying.socket.fd.get());
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Both ends are gone; the relay learns of the second one in its own time. What it has reported by
/// then is the test's, and no part of what is held.
void come_to_rest(Rig& rig) {
  while (rig.counters.open != 0) {
    std::this_thread::yield();  // the test's own time limit ends this
  }
  // The last of them is still being destroyed, on a thread that has nothing else to do then.
  std::promise<void> is_idle;
  boost::asio::post(rig.worker->context(), [&is_idle] { is_idle.set_value(); });
  is_idle.get_future().wait();
  const std::lock_guard lock(rig.mutex);
  decltype(rig.records)().swap(rig.records);
  decltype(rig.reports)().swap(rig.reports);
}

/// `scripts/test --long`
bool is_long_run() {
  const char* asked = std::getenv("AGP_LONG");
  return asked != nullptr && *asked != '\0';
}

// threat-model 67
TEST(Worker, AThousandInspectedOnesThatEndInTheMiddleLeaveNeitherDescriptorsNorMemory) {
  Rig rig;
  constexpr std::size_t kBefore = 20 * kEnds;
  const std::size_t cycles = is_long_run() ? 10'000 : 1'000;
  std::size_t descriptors = 0;
  std::size_t heap = 0;
  for (std::size_t i = 0; i < kBefore + cycles; ++i) {
    if (i == kBefore) {  // by now every pool and cache has what it keeps
      come_to_rest(rig);
      descriptors = open_descriptors();
      heap = test::heap_in_use();
    }
    ASSERT_NO_FATAL_FAILURE(end_in_the_middle(rig, static_cast<End>(i % kEnds))) << i;
  }
  come_to_rest(rig);
  EXPECT_EQ(rig.counters.intercepted, kBefore + cycles);
  EXPECT_EQ(open_descriptors(), descriptors);
  // One allocation of the smallest size, kept by each connection, would be 16 octets for each.
  EXPECT_LT(test::heap_in_use(), heap + 12 * cycles);
}

TEST(Worker, CallsUnderWayAreThoseThatHaveNoRecordYet) {
  Rig rig;
  {
    Connected peers(rig);
    ASSERT_TRUE(peers.ok);
    EXPECT_EQ(rig.counters.open_calls, 0U) << "a connection is no call";
    ASSERT_TRUE(peers.client.write(
        "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: " + std::string(kHost) +
        "\r\nContent-Length: 2\r\n\r\n{}"));
    while (rig.counters.open_calls != 1) {
      std::this_thread::yield();  // the test's own time limit ends this
    }
    ASSERT_TRUE(peers.accepted->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    while (rig.counters.open_calls != 0) {
      std::this_thread::yield();
    }
    EXPECT_EQ(rig.counters.open, 1U) << "the connection goes on";
    ASSERT_TRUE(peers.client.write(
        "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: " + std::string(kHost) +
        "\r\nContent-Length: 2\r\n\r\n{}"));
    while (rig.counters.open_calls != 1) {
      std::this_thread::yield();
    }
  }
  come_to_rest(rig);
  EXPECT_EQ(rig.counters.open_calls, 0U) << "a call that breaks off is none any more";
}

TEST(Worker, TunnelsEndToEnd) {
  Rig rig(Disposition::tunnel);
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  ASSERT_TRUE(peers.client.write("hello"));
  EXPECT_EQ(peers.accepted->read(5), "hello");
  EXPECT_EQ(rig.counters.tunnelled, 1U);
}

TEST(Worker, AnUpstreamThatRefusesConnectionsIsReported) {
  Rig rig;
  const std::string gone = "127.0.0.1:" + std::to_string(port_of(rig.upstream_listener.get()));
  rig.upstream_listener.reset();
  const int fd = rig.dial(gone);
  Tls client(fd, rig.client_side.get());
  (void)Rig::answer(fd);
  EXPECT_FALSE(client.connect());
  EXPECT_TRUE(rig.wait_for_report(relay::Report::Kind::upstream_unreachable));
}

// threat-model 56
TEST(Worker, DestinationsOutsideTheRulesAreRefused) {
  Rig rig;
  // Each breaks one rule alone: the address, the port.
  const auto right_port = std::to_string(port_of(rig.upstream_listener.get()));
  for (const auto& target : {"10.0.0.1:" + right_port, std::string("127.0.0.1:443")}) {
    const Fd owner(rig.dial(target));
    EXPECT_NE(Rig::answer(owner.fd.get()).find(" 403 "), std::string::npos) << target;
  }
  EXPECT_EQ(rig.counters.refused_destination, 2U);
}

// threat-model 57
TEST(Worker, NoLocalServiceIsReachedThroughIt) {
  Rig rig;  // loopback is allowed here, which is more than is ever configured
  const auto service = std::move(*listen_on("127.0.0.1:0"));
  const auto port = ':' + std::to_string(port_of(service.get()));
  for (const char* host :
       {"127.0.0.1", "127.0.0.2", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"}) {
    const Fd owner(rig.dial(host + port));
    EXPECT_NE(Rig::answer(owner.fd.get()).find(" 403 "), std::string::npos) << host;
  }
  EXPECT_EQ(::accept4(service.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Worker, WhatIsNoConnectIsToldSo) {
  Rig rig;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Fd owner(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(rig.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
  const auto answer = Rig::answer(fd);
  EXPECT_NE(answer.find(" 405 "), std::string::npos);
  EXPECT_NE(answer.find("\r\nAllow: CONNECT\r\n"), std::string::npos);
}

// threat-model 58
TEST(Worker, ASilentClientIsGivenUpAfterTheHandshakeDeadline) {
  Settings settings;
  settings.deadlines.handshake = 80ms;
  Rig rig(Disposition::inspect, settings);
  auto client = rig.client();
  char byte = 0;
  EXPECT_LE(::recv(client.socket.fd.get(), &byte, 1, 0), 0);
  EXPECT_EQ(rig.counters.timed_out, 1U);
}

// threat-model 58
TEST(Worker, ClientsThatStopInTheMiddleOfTheirHelloHoldNobodyUp) {
  Settings settings;
  settings.deadlines.handshake = 1h;  // none of them is given up meanwhile, however slow this is
  Rig rig(Disposition::inspect, settings);
  std::vector<Fd> slow;
  for (int i = 0; i < 256; ++i) {
    slow.emplace_back(rig.dial());
    const int fd = slow.back().fd.get();
    ASSERT_NE(Rig::answer(fd).find(" 200 "), std::string::npos) << i;
    ASSERT_EQ(::write(fd, "\x16\x03\x01\x02\x00\x01", 6), 6);
  }
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  ASSERT_TRUE(peers.client.write("ping"));
  EXPECT_EQ(peers.accepted->read(4), "ping");
  EXPECT_EQ(rig.counters.open, 257U);
  EXPECT_EQ(rig.counters.timed_out, 0U);
}

TEST(Worker, ASilentUpstreamIsGivenUpAndTheClientIsTold) {
  Settings settings;
  settings.deadlines.handshake = 80ms;
  Rig rig(Disposition::inspect, settings);
  auto client = rig.client();
  EXPECT_FALSE(client.connect());  // upstream accepts by its backlog and never answers
  EXPECT_TRUE(rig.wait_for_report(relay::Report::Kind::upstream_unreachable));
}

TEST(Worker, AnIdleStreamEndsAfterTheIdleDeadlineOnly) {
  Settings settings;
  settings.deadlines.read_idle = 150ms;
  Rig rig(Disposition::inspect, settings);
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  EXPECT_EQ(peers.client.read_some(), "");
  EXPECT_EQ(rig.counters.timed_out, 1U);
}

TEST(Worker, ManyConnectionsAtOnce) {
  Rig rig;
  constexpr int kMany = 100;
  std::thread serving([&] {
    std::vector<std::thread> each;
    for (int i = 0; i < kMany; ++i) {
      each.emplace_back([tls = std::make_shared<Tls>(rig.upstream())] {
        if (tls->accept()) {
          (void)tls->write(tls->read(4));
        }
      });
    }
    for (auto& thread : each) {
      thread.join();
    }
  });
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < kMany; ++i) {
    clients.emplace_back([&] {
      auto client = rig.client();
      if (client.connect() && client.write("ping") && client.read(4) == "ping") {
        ++good;
      }
    });
  }
  for (auto& thread : clients) {
    thread.join();
  }
  serving.join();
  EXPECT_EQ(good, kMany);
}

// threat-model 67
TEST(Worker, EndsWhatIsLeftAfterTheGrace) {
  Rig rig;
  Connected peers(rig);
  ASSERT_TRUE(peers.ok);
  rig.worker->stop(50ms);
  rig.thread.join();
  EXPECT_EQ(rig.counters.open, 0U);
  EXPECT_EQ(how_it_ends(peers.client.socket.fd.get()), ECONNRESET);
}

TEST(Worker, StopsWithoutDelayWhenNothingIsOpen) {
  Rig rig;
  rig.worker->stop(1h);
  rig.thread.join();
  EXPECT_EQ(rig.counters.open, 0U);
}

}  // namespace
}  // namespace agp::io
