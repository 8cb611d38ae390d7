#include "daemon/api/http_server.h"

#include "tests/daemon/api/fake_ledger.h"

#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace agp::api {
namespace {

using namespace std::chrono_literals;

class FakeTurns final : public TurnPort {
 public:
  boost::asio::awaitable<Result<TurnResult>> run(TurnRequest request) override {
    asked = request;
    co_return result;
  }
  TurnRequest asked;
  Result<TurnResult> result = TurnResult{"resp_1", "Hello.", "gemini-3-flash", "c-1", {}};
};

UniqueFd tcp_listener(int family) {
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

Name name_of(int fd) {
  Name name;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name.address), &name.size), 0);
  return name;
}

std::uint16_t port_of(const Name& name) {
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
      char chunk[4096];
      const auto n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
      if (n <= 0) {
        return {};
      }
      buffer_.append(chunk, static_cast<std::size_t>(n));
    }
  }
  std::string ask(std::string_view text) {
    send(text);
    return read_response();
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string buffer_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    ServerPorts ports;
    ports.ledger = &ledger_;
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
  [[nodiscard]] std::string post(const std::string& body, const std::string& more = "") const {
    return "POST /v1/responses HTTP/1.1\r\n" + host() + "Content-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
  }

  test::FakeLedger ledger_;
  FakeTurns turns_;
  std::function<Result<std::uint32_t>(int)> peer_;
  boost::asio::io_context io_{1};
  boost::asio::thread_pool pool_{1};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  Name where_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(HttpServerTest, AnswersHealth) {
  start();
  const auto answer = Client(where_).ask(get("/health"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("{\"status\":\"ok\"}\n")) << answer;
  EXPECT_TRUE(has(answer, "Cache-Control: no-store\r\n"));
  EXPECT_TRUE(has(answer, "X-Content-Type-Options: nosniff\r\n"));
}

TEST_F(HttpServerTest, TellsTheUsageThatTheLedgerHolds) {
  ledger_.report = ledger::Report{test::some_sums(), {{{"gemini-3-flash"}, test::some_sums()}}};
  start();
  const auto answer = Client(where_).ask(get("/v1/usage"));
  EXPECT_TRUE(has(answer, "\"key\":{\"model\":\"gemini-3-flash\"},\"calls\":2")) << answer;
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  start();
  Client client(where_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.ask(get("/health")).starts_with("HTTP/1.1 200"));
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  Client client(where_);
  client.send(get("/health") + get("/nothing"));
  EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, ARequestMayComeInAnySplit) {
  start();
  const auto text = get("/health");
  Client client(where_);
  for (const char octet : text) {
    client.send(std::string_view(&octet, 1));
  }
  EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, RefusesAForeignHost) {
  start();
  EXPECT_TRUE(Client(where_)
                  .ask("GET /health HTTP/1.1\r\nHost: evil.example:8741\r\n\r\n")
                  .starts_with("HTTP/1.1 421"));
}

TEST_F(HttpServerTest, RefusesAForeignOrigin) {
  start();
  const auto answer = Client(where_).ask(get("/v1/usage", "Origin: http://evil.example\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403")) << answer;
  EXPECT_FALSE(has(answer, "Access-Control"));
}

TEST_F(HttpServerTest, WhoCannotBeIdentifiedSeesNothing) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return errno_error(ENOENT, "peer");
  };
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage")).starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(Client(where_).ask(get("/health")).starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, TheLanguageServerSeesNothing) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return 4343U;
  };
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage")).starts_with("HTTP/1.1 403"));
}

TEST_F(HttpServerTest, APersonIsAskedAboutTheirOwnRecordsOnly) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return 1000U;
  };
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage")).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(ledger_.asked.filter.uids, (std::vector<std::uint32_t>{1000}));
}

TEST_F(HttpServerTest, RunsATurnAndTellsWhatWasMeasured) {
  ledger_.report = ledger::Report{test::some_sums(), {}};
  start();
  const auto answer = Client(where_).ask(post(R"({"model":"gemini-3-flash","input":"Hi"})"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_TRUE(has(answer, "\"text\":\"Hello.\"")) << answer;
  EXPECT_TRUE(has(answer, "\"total_tokens\":123")) << answer;
  EXPECT_EQ(turns_.asked.input, "Hi");
  EXPECT_EQ(ledger_.asked.filter.cascade, "c-1");
}

TEST_F(HttpServerTest, UsageThatWasNeverMeasuredIsNull) {
  ServerLimits limits;
  limits.settle_deadline = 0ms;
  start(limits);
  EXPECT_TRUE(has(Client(where_).ask(post(R"({"model":"m","input":"Hi"})")), "\"usage\":null"));
}

TEST_F(HttpServerTest, AFailedTurnSaysWhy) {
  turns_.result = Error(boost::asio::error::timed_out, "waiting for the model");
  start();
  const auto answer = Client(where_).ask(post(R"({"model":"m","input":"Hi"})"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 504")) << answer;
  EXPECT_TRUE(has(answer, "waiting for the model"));
}

TEST_F(HttpServerTest, AnswersExpectContinueBeforeTheBody) {
  ledger_.report = ledger::Report{test::some_sums(), {}};
  start();
  const std::string body = R"({"model":"m","input":"Hi"})";
  const auto whole = post(body, "Expect: 100-continue\r\n");
  Client client(where_);
  const auto go_on = client.ask(whole.substr(0, whole.size() - body.size()));
  EXPECT_TRUE(go_on.starts_with("HTTP/1.1 100")) << go_on;
  EXPECT_TRUE(client.ask(body).starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, BodiesOtherThanJsonAreNotRead) {
  start();
  Client client(where_);
  const auto answer = client.ask("POST /v1/responses HTTP/1.1\r\n" + host() +
                                 "Content-Type: text/plain\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 415")) << answer;
  EXPECT_TRUE(has(answer, "Connection: close"));
  EXPECT_EQ(client.read_response(), "");
}

TEST_F(HttpServerTest, RefusesABodyOverTheLimit) {
  ServerLimits limits;
  limits.body_bytes = 100;
  start(limits);
  EXPECT_TRUE(Client(where_).ask(post(std::string(101, ' '))).starts_with("HTTP/1.1 413"));
  const auto chunked = "POST /v1/responses HTTP/1.1\r\n" + host() +
                       "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       "ff\r\n" + std::string(255, ' ') + "\r\n0\r\n\r\n";
  EXPECT_TRUE(Client(where_).ask(chunked).starts_with("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, RefusesAHeadOverTheLimit) {
  ServerLimits limits;
  limits.head_bytes = 1024;
  start(limits);
  const auto answer = Client(where_).ask(get("/health", "X: " + std::string(2000, 'x') + "\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 431")) << answer;
}

TEST_F(HttpServerTest, AnswersNonsenseWithBadRequest) {
  start();
  EXPECT_TRUE(Client(where_).ask("\x16\x03\x01\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(Client(where_).ask(get("/%zz")).starts_with("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, ClosesAConnectionThatSendsNothing) {
  ServerLimits limits;
  limits.idle_deadline = 1ms;
  start(limits);
  EXPECT_EQ(Client(where_).read_response(), "");
}

TEST_F(HttpServerTest, ClosesAConnectionWhoseHeadNeverEnds) {
  ServerLimits limits;
  limits.head_deadline = 1ms;
  start(limits);
  EXPECT_EQ(Client(where_).ask("GET /health HTTP/1.1\r\n"), "");
}

TEST_F(HttpServerTest, AConnectionOverTheLimitWaitsForItsTurn) {
  ServerLimits limits;
  limits.connections = 1;
  start(limits);
  std::optional<Client> first(where_);
  EXPECT_TRUE(first->ask(get("/health")).starts_with("HTTP/1.1 200"));
  Client second(where_);
  second.send(get("/health"));
  char octet = 0;
  EXPECT_EQ(::recv(second.fd(), &octet, 1, MSG_DONTWAIT), -1);
  first.reset();
  EXPECT_TRUE(second.read_response().starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, KnowsTheCallerByTheKernel) {
  start();
  // The tests run as one uid: root sees all, anyone else their own.
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage")).starts_with("HTTP/1.1 200"));
  const auto expected = ::getuid() == 0 ? std::optional<std::vector<std::uint32_t>>()
                                        : std::vector<std::uint32_t>{::getuid()};
  EXPECT_EQ(ledger_.asked.filter.uids, expected);
}

TEST_F(HttpServerTest, AnswersOnAUnixSocket) {
  start();
  char directory[] = "/tmp/agp-api-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  Name name;
  auto* address = reinterpret_cast<sockaddr_un*>(&name.address);
  address->sun_family = AF_UNIX;
  (void)std::snprintf(address->sun_path, sizeof address->sun_path, "%s/api.sock", directory);
  name.size = sizeof(sockaddr_un);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(address), sizeof(sockaddr_un)), 0);
  ASSERT_EQ(::listen(fd.get(), 4), 0);
  std::promise<bool> listening;
  boost::asio::post(io_, [&] { listening.set_value(server_->listen(std::move(fd)).has_value()); });
  ASSERT_TRUE(listening.get_future().get());
  const auto answer = Client(name).ask("GET /v1/usage HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace agp::api
