#include "daemon/api/http_server.h"

#include "daemon/api/page.h"
#include "tests/daemon/api/http_rig.h"

#include <filesystem>
#include <future>
#include <optional>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace agp::api {
namespace {

using namespace std::chrono_literals;

using test::Client;
using test::has;
using test::HttpServerTest;
using test::Name;

// threat-model 69
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

// threat-model 70
TEST_F(HttpServerTest, RefusesAForeignHost) {
  start();
  EXPECT_TRUE(Client(where_)
                  .ask("GET /health HTTP/1.1\r\nHost: evil.example:8741\r\n\r\n")
                  .starts_with("HTTP/1.1 421"));
}

// threat-model 71
TEST_F(HttpServerTest, RefusesAForeignOrigin) {
  start();
  const auto answer = Client(where_).ask(get("/v1/usage", "Origin: http://evil.example\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403")) << answer;
  EXPECT_FALSE(has(answer, "Access-Control"));
}

// threat-model 69
TEST_F(HttpServerTest, WhoCannotBeIdentifiedSeesNothing) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return errno_error(ENOENT, "peer");
  };
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage")).starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(Client(where_).ask(get("/health")).starts_with("HTTP/1.1 200"));
}

// threat-model 69
TEST_F(HttpServerTest, AKeyStandsForItsUserWhereTheKernelKnowsNobody) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return errno_error(ENOENT, "peer");
  };
  start();
  Client client(where_);
  EXPECT_TRUE(
      client.ask(get("/v1/usage", "Authorization: Bearer a-key\r\n")).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(ledger_.asked.filter.owners, (std::vector<std::uint32_t>{1000}));
  const auto wrong = client.ask(get("/v1/usage", "Authorization: Bearer other\r\n"));
  EXPECT_TRUE(wrong.starts_with("HTTP/1.1 401")) << wrong;
  EXPECT_TRUE(has(wrong, "\"code\":\"key_unknown\"")) << wrong;
  EXPECT_TRUE(has(wrong, "API KEYS")) << wrong;
  EXPECT_TRUE(has(wrong, "WWW-Authenticate: Bearer\r\n")) << wrong;
  EXPECT_FALSE(has(wrong, "other")) << wrong;
}

// threat-model 71
TEST_F(HttpServerTest, NeitherWebPagesNorTheirPreflightsGetIn) {
  start();
  const auto preflight = Client(where_).ask("OPTIONS /v1/quota HTTP/1.1\r\n" + host() +
                                            "Origin: http://evil.example\r\n"
                                            "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_TRUE(preflight.starts_with("HTTP/1.1 403")) << preflight;
  EXPECT_FALSE(has(preflight, "Access-Control-Allow")) << preflight;
  // Not even one that was given a key.
  const auto page = Client(where_).ask(
      get("/v1/quota", "Origin: http://evil.example\r\nAuthorization: Bearer a-key\r\n"));
  EXPECT_TRUE(page.starts_with("HTTP/1.1 403")) << page;
}

// threat-model 73
TEST_F(HttpServerTest, ReadingChangesNothingAndCookiesMeanNothing) {
  start();
  for (const char* target :
       {"/health", "/v1/usage", "/v1/usage/records", "/v1/usage/export?format=ndjson",
        "/v1/usage/stream", "/v1/status", "/metrics", "/v1/quota", "/v1/models", "/v1/sessions",
        "/v1/responses", "/v1/chat/completions", "/v1/schemas/usage.v1", "/v1/none"}) {
    Client client(where_);
    client.send(get(target, "Cookie: key=a-key\r\n"));
    const auto head = client.read_head();
    EXPECT_TRUE(head.starts_with("HTTP/1.1 ")) << target;
    EXPECT_FALSE(has(head, "Set-Cookie")) << target << head;
    EXPECT_FALSE(has(head, "Access-Control-Allow")) << target << head;
  }
  EXPECT_EQ(turns_.begun, 0U);
}

// threat-model 73
TEST_F(HttpServerTest, AKeyInACookieIsNoKey) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return errno_error(ENOENT, "peer");
  };
  start();
  for (const char* cookie : {"key=a-key", "a-key", "Authorization=Bearer a-key"}) {
    const auto answer =
        Client(where_).ask(get("/v1/usage", "Cookie: " + std::string(cookie) + "\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 401")) << cookie;
    EXPECT_TRUE(has(answer, "caller_unknown")) << answer;
  }
}

TEST_F(HttpServerTest, TellsQuotaModelsAndSessions) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return 1000U;
  };
  QuotaAnswer quota;
  quota.account = std::make_shared<ls::Account>();
  quota.owner = 1000;
  logins_.quota_answer = quota;
  logins_.models_answer.models = {{"m", "M", false}};
  logins_.sessions_answer.sessions.resize(2);
  logins_.sessions_answer.sessions[0].uid = 1000;
  logins_.sessions_answer.sessions[1].uid = 1001;
  logins_.sessions_answer.sessions[1].user = "another";
  start();
  Client client(where_);
  EXPECT_TRUE(has(client.ask(get("/v1/quota")), "antigravity-proxy.quota.v1"));
  EXPECT_TRUE(has(client.ask(get("/v1/models")), "\"object\":\"list\""));
  EXPECT_TRUE(has(client.ask(get("/v1/models/m")), "\"object\":\"model\""));
  const auto unknown = client.ask(get("/v1/models/x"));
  EXPECT_TRUE(unknown.starts_with("HTTP/1.1 404")) << unknown;
  EXPECT_TRUE(has(unknown, "\"param\":\"model\"")) << unknown;
  const auto sessions = client.ask(get("/v1/sessions"));
  EXPECT_TRUE(has(sessions, "\"uid\":1000")) << sessions;
  EXPECT_FALSE(has(sessions, "another")) << sessions;
}

TEST_F(HttpServerTest, TheQuotaOfAnotherUserIsTheirs) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return 1001U;
  };
  QuotaAnswer quota;
  quota.account = std::make_shared<ls::Account>();
  quota.owner = 1000;
  logins_.quota_answer = quota;
  start();
  const auto answer = Client(where_).ask(get("/v1/quota"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403")) << answer;
  EXPECT_TRUE(has(answer, "not_your_session")) << answer;
  EXPECT_TRUE(has(answer, "\"hint\"")) << answer;
}

TEST_F(HttpServerTest, WhoFailsTooOftenIsLimitedAndKeepsNobodyElseOut) {
  peer_ = [](int) -> Result<std::uint32_t> {
    return errno_error(EOVERFLOW, "nobody knows");
  };
  ServerLimits limits;
  limits.failed_callers.burst = 2;
  limits.failed_callers.refill = std::chrono::hours(1);
  start(limits);
  const auto ask = [this](const std::string& key) {
    return Client(where_).ask(get("/v1/usage", "Authorization: Bearer " + key + "\r\n"));
  };
  for (int i = 0; i < 2; ++i) {
    const auto answer = ask("no-key");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 401")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close")) << answer;
  }
  const auto limited = ask("no-key");
  EXPECT_TRUE(limited.starts_with("HTTP/1.1 429")) << limited;
  EXPECT_TRUE(has(limited, "too_many_failures")) << limited;
  EXPECT_TRUE(has(limited, "Retry-After: 3")) << limited;
  // The same address, and a key that is one.
  const auto good = ask("a-key");
  EXPECT_TRUE(good.starts_with("HTTP/1.1 200")) << good;
  EXPECT_TRUE(Client(where_).ask(get("/health")).starts_with("HTTP/1.1 200"));
  FailedCallers::Counts counts;
  on_server([&] { counts = server_->failed_callers(); });
  EXPECT_EQ(counts, (FailedCallers::Counts{0, 3, 0, 1}));
}

TEST_F(HttpServerTest, WithoutALoginItSaysWhatToDo) {
  start();
  const auto answer = Client(where_).ask(get("/v1/quota"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_TRUE(has(answer, "sign in in the IDE")) << answer;
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
  EXPECT_EQ(ledger_.asked.filter.owners, (std::vector<std::uint32_t>{1000}));
}

TEST_F(HttpServerTest, HeadIsGetWithoutTheBody) {
  start();
  Client client(where_);
  client.send("HEAD /health HTTP/1.1\r\n" + host() + "\r\n" + get("/health"));
  const auto head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_TRUE(has(head, "Content-Length: 16\r\n")) << head;
  EXPECT_TRUE(client.read_response().ends_with("{\"status\":\"ok\"}\n"));
}

TEST_F(HttpServerTest, ThePageIsSentHeldBackAndAskedForAgainOnOneConnection) {
  start();
  Client client(where_);
  client.send("HEAD / HTTP/1.1\r\n" + host() + "\r\n" + get("/"));
  const auto head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  const std::string page(page_document().html);
  EXPECT_TRUE(has(head, "Content-Length: " + std::to_string(page.size()) + "\r\n")) << head;
  EXPECT_TRUE(client.read_response().ends_with(page));
  client.send("GET / HTTP/1.1\r\nIf-None-Match: " + std::string(page_document().tag) + "\r\n" +
              host() + "\r\n" + get("/health"));
  const auto known = client.read_head();
  EXPECT_TRUE(known.starts_with("HTTP/1.1 304")) << known;
  EXPECT_FALSE(has(known, "Content-Length")) << known;
  EXPECT_TRUE(client.read_response().ends_with("{\"status\":\"ok\"}\n"));
}

TEST_F(HttpServerTest, ThePageIsNotForPagesOfOthersEither) {
  start();
  EXPECT_TRUE(Client(where_)
                  .ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                  .starts_with("HTTP/1.1 421"));
  EXPECT_TRUE(Client(where_)
                  .ask("GET / HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n" + host() + "\r\n")
                  .starts_with("HTTP/1.1 403"));
}

TEST_F(HttpServerTest, AWrongMethodIsToldTheRightOnes) {
  start();
  const auto answer = Client(where_).ask("DELETE /v1/usage HTTP/1.1\r\n" + host() + "\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 405")) << answer;
  EXPECT_TRUE(has(answer, "Allow: GET, HEAD\r\n")) << answer;
  EXPECT_TRUE(has(Client(where_).ask(get("/v1/responses")), "Allow: POST\r\n"));
}

TEST_F(HttpServerTest, ServesTheSchemasOfItsAnswers) {
  start();
  const auto answer = Client(where_).ask(get("/v1/schemas/record.v1"));
  EXPECT_TRUE(has(answer, "Content-Type: application/schema+json\r\n")) << answer;
  EXPECT_TRUE(has(answer, "\"title\": \"antigravity-proxy.record.v1\""));
  EXPECT_TRUE(Client(where_).ask(get("/v1/schemas/nothing")).starts_with("HTTP/1.1 404"));
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

// threat-model 72
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

// threat-model 63
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

// threat-model 77
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
  EXPECT_EQ(ledger_.asked.filter.owners, expected);
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
