#include "daemon/api/long_answers.h"

#include "tests/daemon/api/http_rig.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <set>
#include <thread>

#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::has;

class LongAnswersTest : public test::HttpServerTest {
 protected:
  LongAnswersTest() { other_ledger_ = &kept_; }
  // Calls of one account, the language server's.
  void add(int count, std::optional<std::uint32_t> owner = 1000) {
    for (int i = 0; i < count; ++i) {
      auto record = test::full_record();
      record.id.clear();
      record.local_uid = 990;
      record.owner_uid = owner;
      kept_.append(std::move(record));
    }
  }
  // Whose connections those made from now on are; to be called once before start().
  void answer_for(std::uint32_t uid) {
    asking_ = uid;
    if (!peer_) {
      peer_ = [this](int) -> Result<std::uint32_t> {
        return asking_.load();
      };
    }
  }
  // Returns once every stream was told, or had left.
  void stop_server() {
    std::promise<void> told;
    boost::asio::post(io_, [&] { server_->stop([&] { told.set_value(); }); });
    told.get_future().get();
  }
  [[nodiscard]] Client stream(const std::string& query, const std::string& more = "") const {
    Client client(where_);
    client.send(get("/v1/usage/stream" + query, more));
    EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200"));
    return client;
  }
  // The next events of a stream, until there are `count` of records.
  static std::vector<std::uint64_t> ids(Client& client, std::size_t count) {
    std::vector<std::uint64_t> out;
    while (out.size() < count) {
      if (client.read_until("id: ").empty()) {
        break;
      }
      out.push_back(std::stoull(client.read_until("\n")));
    }
    return out;
  }
  static std::vector<std::uint64_t> numbers(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> out;
    for (auto i = from; i <= to; ++i) {
      out.push_back(i);
    }
    return out;
  }

  test::MemoryLedger kept_;
  std::atomic<std::uint32_t> asking_{0};
};

TEST_F(LongAnswersTest, ExportsInChunksAndKeepsTheConnection) {
  add(1000);
  start();
  Client client(where_);
  client.send(get("/v1/usage/export?format=ndjson"));
  const auto head = client.read_head();
  EXPECT_TRUE(has(head, "Transfer-Encoding: chunked\r\n")) << head;
  EXPECT_TRUE(has(head, "Content-Type: application/x-ndjson\r\n")) << head;
  EXPECT_TRUE(has(head, "filename=\"antigravity-proxy-usage.ndjson\"")) << head;
  const auto body = client.read_chunks();
  ASSERT_TRUE(body);
  EXPECT_EQ(std::count(body->begin(), body->end(), '\n'), 1000);
  EXPECT_LE(kept_.largest_page(), RecordExport::kPage);
  EXPECT_TRUE(client.ask(get("/health")).starts_with("HTTP/1.1 200"));
}

TEST_F(LongAnswersTest, AnOldClientGetsTheExportUntilTheEndOfTheConnection) {
  add(3);
  start();
  Client client(where_);
  client.send("GET /v1/usage/export?format=json HTTP/1.0\r\n" + host() + "\r\n");
  const auto head = client.read_head();
  EXPECT_FALSE(has(head, "chunked")) << head;
  EXPECT_TRUE(has(head, "Connection: close")) << head;
  const auto document = boost::json::parse(client.read_rest());
  EXPECT_EQ(document.at("records").as_array().size(), 3U);
}

TEST_F(LongAnswersTest, AnExportThatFailsHalfWayIsCutOff) {
  add(1000);
  kept_.fail_from(3);
  start();
  Client client(where_);
  client.send(get("/v1/usage/export?format=csv"));
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(client.read_chunks(), std::nullopt);
}

TEST_F(LongAnswersTest, AnExportThatFailsAtOnceSaysWhy) {
  kept_.fail_from(1);
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage/export?format=csv")).starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage/stream")).starts_with("HTTP/1.1 503"));
}

TEST_F(LongAnswersTest, HeadOfAnExportHasNoBody) {
  start();
  Client client(where_);
  client.send("HEAD /v1/usage/export?format=csv HTTP/1.1\r\n" + host() + "\r\n" + get("/health"));
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(
      client.read_head().starts_with("HTTP/1.1 200 OK\r\nServer: antigravity-proxy\r\n"
                                     "Content-Type: application/json"));
}

TEST_F(LongAnswersTest, WrongParametersAreRefusedByName) {
  start();
  EXPECT_TRUE(has(Client(where_).ask(get("/v1/usage/export")), "format: expected csv"));
  EXPECT_TRUE(has(Client(where_).ask(get("/v1/usage/stream?after=x")), "after: expected"));
  EXPECT_TRUE(has(Client(where_).ask(get("/v1/usage/stream", "Last-Event-ID: -1\r\n")),
                  "Last-Event-ID: expected"));
}

// threat-model 70
TEST_F(LongAnswersTest, TheGuardStandsBeforeStreamsAndExportsToo) {
  start();
  for (const char* path : {"/v1/usage/stream", "/v1/usage/export?format=csv",
                           "/v1/schemas/usage.v1", "/v1/usage/records"}) {
    EXPECT_TRUE(Client(where_)
                    .ask(std::string("GET ") + path + " HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                    .starts_with("HTTP/1.1 421"));
    EXPECT_TRUE(Client(where_)
                    .ask(get(path, "Origin: http://evil.example\r\n"))
                    .starts_with("HTTP/1.1 403"));
  }
}

TEST_F(LongAnswersTest, TheLanguageServerGetsNoneOfThem) {
  answer_for(4343);
  start();
  for (const char* path :
       {"/v1/usage/stream", "/v1/usage/export?format=csv", "/v1/usage/records"}) {
    EXPECT_TRUE(Client(where_).ask(get(path)).starts_with("HTTP/1.1 403")) << path;
  }
}

TEST_F(LongAnswersTest, APersonGetsTheirOwnRecordsOnly) {
  add(2, 1000);
  add(3, 1001);
  answer_for(1001);
  start();
  Client client(where_);
  client.send(get("/v1/usage/export?format=ndjson"));
  (void)client.read_head();
  const auto body = client.read_chunks();
  ASSERT_TRUE(body);
  EXPECT_EQ(std::count(body->begin(), body->end(), '\n'), 3);
  EXPECT_FALSE(has(*body, "\"owner_uid\":1000"));
  auto reader = stream("?after=0");
  EXPECT_EQ(ids(reader, 3), numbers(3, 5));
  auto other = stream("?after=0&uid=1000");  // no call was made by that account
  add(1, 1001);  // not for the other one: the next event it may see does not come
  EXPECT_EQ(ids(reader, 1), numbers(6, 6));
  stop_server();
  EXPECT_FALSE(has(other.read_rest(), "event: record"));
}

// The session passes from one user to another while both have a stream open.
TEST_F(LongAnswersTest, AStreamShowsItsReaderNothingOfTheUserBeforeOrAfter) {
  add(2, 1000);
  answer_for(1000);
  start();
  auto first = stream("?after=0");
  EXPECT_EQ(ids(first, 2), numbers(1, 2));
  answer_for(1001);
  auto second = stream("?after=0&uid=990");
  add(3, 1001);
  add(1, std::nullopt);  // nobody knows whose
  add(1, 1000);
  EXPECT_EQ(ids(second, 3), numbers(3, 5));
  EXPECT_EQ(ids(first, 1), numbers(7, 7));
  stop_server();
  const auto rest = second.read_rest();
  EXPECT_FALSE(has(rest, "id: ")) << rest;
}

TEST_F(LongAnswersTest, AStreamBeginsNow) {
  add(3);
  start();
  Client client(where_);
  client.send(get("/v1/usage/stream"));
  const auto head = client.read_head();
  EXPECT_TRUE(has(head, "Content-Type: text/event-stream\r\n")) << head;
  EXPECT_TRUE(has(head, "Cache-Control: no-store\r\n")) << head;
  EXPECT_TRUE(has(client.read_until("\n\n"), "retry: 3000"));
  add(2);
  EXPECT_EQ(ids(client, 2), numbers(4, 5));
}

TEST_F(LongAnswersTest, AStreamGoesOnWhereItsReaderWas) {
  add(250);
  start();
  auto client = stream("", "Last-Event-ID: 20\r\n");
  EXPECT_EQ(ids(client, 230), numbers(21, 250));
  add(1);
  EXPECT_EQ(ids(client, 1), numbers(251, 251));
}

// Before the first commit of a process nobody has told it a place. The record that was kept last
// began before a hundred others did.
TEST_F(LongAnswersTest, AStreamBeforeTheFirstCommitBeginsNowToo) {
  kept_.be_silent();
  add(150);
  auto late = test::full_record();
  late.id = "00";
  late.owner_uid = 1000;
  kept_.append(std::move(late));
  start();
  auto client = stream("");
  kept_.be_silent(false);
  add(1);
  EXPECT_EQ(ids(client, 1), numbers(152, 152));
}

TEST_F(LongAnswersTest, ARecordThatHasAgedAwayKeepsItsPlace) {
  add(3);
  kept_.forget_all();
  start();
  auto client = stream("?after=3");
  add(1);
  EXPECT_EQ(ids(client, 1), numbers(4, 4)) << "no reset: it is the same ledger";
}

TEST_F(LongAnswersTest, APlaceBeyondTheNewestIsAnsweredWithAResetAndEverything) {
  add(3);
  start();
  for (const auto& [query, head] :
       {std::pair("?after=20", ""), std::pair("", "Last-Event-ID: 20\r\n")}) {
    auto client = stream(query, head);
    EXPECT_TRUE(has(client.read_until("\n\ni"), "retry: 3000"));
    EXPECT_TRUE(has(client.read_until("\n\n"), "event: reset\ndata: {\"after\":20,\"newest\":3}"));
    EXPECT_EQ(ids(client, 3), numbers(1, 3));
  }
}

TEST_F(LongAnswersTest, ALiveStreamIsToldOfAnotherLedgerHoweverFastThatGrows) {
  start();
  for (const int count : {1, 5, 9}) {
    SCOPED_TRACE(count);
    kept_.replace();
    add(5);
    auto client = stream("?after=0");
    EXPECT_EQ(ids(client, 5), numbers(1, 5));
    kept_.replace();
    add(count);
    EXPECT_TRUE(has(client.read_until("event: reset\n"), "id: 0\n"));
    // What was read while the notice was on its way comes again.
    EXPECT_EQ(ids(client, static_cast<std::size_t>(count)),
              numbers(1, static_cast<std::uint64_t>(count)));
  }
}

TEST_F(LongAnswersTest, BackfillAndLiveMeetWithoutLossOrRepetition) {
  add(50);
  start();
  std::thread writer([this] { add(500); });
  auto client = stream("?after=0");
  EXPECT_EQ(ids(client, 550), numbers(1, 550));
  writer.join();
}

TEST_F(LongAnswersTest, AQuietStreamIsKeptAlive) {
  ServerLimits limits;
  limits.long_answers.keep_alive = 1ms;
  start(limits);
  auto client = stream("");
  EXPECT_TRUE(has(client.read_until(": keep-alive\n\n"), ": keep-alive"));
  EXPECT_TRUE(has(client.read_until(": keep-alive\n\n"), ": keep-alive"));
}

TEST_F(LongAnswersTest, ASlowReaderIsToldAndLosesNothing) {
  add(150);
  ServerLimits limits;
  limits.long_answers.slow = -1ms;  // every batch takes too long
  start(limits);
  auto client = stream("?after=0");
  const auto body = client.read_chunks();  // one batch, the reason, the end
  // The opening was read as the first chunk.
  ASSERT_TRUE(body);
  const auto at =
      body->find("event: end\ndata: {\"reason\":\"slow_reader\",\"resume_after\":100}\n\n");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(client.read_response(), "");
  auto again = stream("?after=100");
  EXPECT_EQ(ids(again, 50), numbers(101, 150));
}

TEST_F(LongAnswersTest, AReaderThatTakesNothingIsCutOff) {
  add(6'000);
  ServerLimits limits;
  limits.long_answers.stall = 50ms;
  limits.long_answers.open = 1;
  start(limits);
  auto stalled = stream("?after=0");
  // The place is free again although the reader is still connected.
  std::string head;
  while (!head.starts_with("HTTP/1.1 200")) {
    Client next(where_);
    next.send(get("/v1/usage/stream"));
    head = next.read_head();
    ASSERT_TRUE(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 429")) << head;
  }
}

TEST_F(LongAnswersTest, ReadersAreLimitedAndLeavingMakesRoom) {
  ServerLimits limits;
  limits.long_answers.open_per_uid = 2;
  start(limits);
  std::optional<Client> first(stream(""));
  auto second = stream("");
  const auto refused = Client(where_).ask(get("/v1/usage/stream"));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 429")) << refused;
  EXPECT_TRUE(has(refused, "Retry-After: 5\r\n"));
  EXPECT_TRUE(has(refused, "too_many_streams"));
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage/export?format=csv")).starts_with("HTTP/1.1 429"));
  first.reset();
  std::string head;
  while (!head.starts_with("HTTP/1.1 200")) {
    Client next(where_);
    next.send(get("/v1/usage/stream"));
    head = next.read_head();
  }
}

TEST_F(LongAnswersTest, AStreamEndsWithTheServerAndSaysSo) {
  add(3);
  start();
  auto client = stream("?after=0");
  EXPECT_EQ(ids(client, 3), numbers(1, 3));
  stop_server();
  const auto rest = client.read_rest();
  EXPECT_TRUE(has(rest, "event: end\ndata: {\"reason\":\"stopping\",\"resume_after\":3}\n\n"))
      << rest;
  EXPECT_TRUE(rest.ends_with("0\r\n\r\n"));
}

TEST_F(LongAnswersTest, AStopWithoutStreamsIsTellingNobodyAtOnce) {
  start();
  EXPECT_TRUE(Client(where_).ask(get("/v1/usage/export?format=csv")).starts_with("HTTP/1.1 200"));
  stop_server();
}

TEST_F(LongAnswersTest, AStreamWhoseLedgerFailsSaysSo) {
  add(3);
  kept_.fail_from(2);
  start();
  auto client = stream("?after=0");
  EXPECT_EQ(ids(client, 3), numbers(1, 3));
  add(1);
  EXPECT_TRUE(has(client.read_rest(), "\"ledger_unavailable\",\"resume_after\":3"));
}

}  // namespace
}  // namespace agp::api
