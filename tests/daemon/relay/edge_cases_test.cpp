#include "daemon/relay/observer.h"
#include "tests/daemon/websocket/wire.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

/// The rows of wire-formats section 6 that are about framing; the others have their tests in
/// tests/daemon/usage/edge_cases_test.cpp. And who ended what was cut.
namespace agp::relay {
namespace {

namespace ws = websocket::wire;
using usage::Closer;
using usage::Micros;
using usage::Outcome;
using usage::Record;

const std::string kAnswer =
    R"({"type":"message","id":"msg_1","model":"claude-sonnet-5","stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":7}})";

std::string request(const std::string& target = "/v1/messages",
                    const std::string& method = "POST") {
  return method + " " + target +
         " HTTP/1.1\r\nHost: api.anthropic.com\r\nContent-Length: 2\r\n\r\n{}";
}

std::string answer(const std::string& body = kAnswer) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// One connection: what each side sent octet by octet, and the ends of it in order.
struct SideEnd {
  Side from;
  End how;
};

std::vector<Record> run(const std::string& host,
                        const std::string& out,
                        const std::string& in,
                        const std::vector<SideEnd>& ends = {{Side::upstream, End::clean},
                                                            {Side::client, End::clean}}) {
  Observer observer({host, "http/1.1", 993, 1000, ""});
  for (const char& c : out) {
    observer.on_bytes(Side::client, as_bytes({&c, 1}), Micros());
  }
  for (const char& c : in) {
    observer.on_bytes(Side::upstream, as_bytes({&c, 1}), Micros());
  }
  for (const SideEnd& end : ends) {
    observer.on_end(end.from, end.how, Micros());
  }
  std::vector<Record> all;
  while (auto record = observer.next_record()) {
    all.push_back(std::move(*record));
  }
  return all;
}

const std::string kHost = "api.anthropic.com";

TEST(EdgeCase26, InterimAnswersExtensionsTrailersAndALengthThatLies) {
  const std::string head =
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
      "HTTP/1.1 100 Continue\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"
      "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
  char size[16];
  (void)std::snprintf(size, sizeof size, "%zX", kAnswer.size() - 10);
  const std::string in = head + "a;name=\"va;lue\"\r\n" + kAnswer.substr(0, 10) + "\r\n" + size +
                         " ; x\r\n" + kAnswer.substr(10) + "\r\n0\r\nX-Sum: 1\r\n\r\n";
  const auto records = run(kHost, request(), in);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].http_status, 200);
  ASSERT_TRUE(records[0].usage);
  EXPECT_EQ(records[0].usage->total, 12u);
  EXPECT_EQ(records[0].flags, std::set<std::string>());
  EXPECT_FALSE(records[0].closed_by);
}

TEST(EdgeCase27, WhatIsNoModelCallMakesNoRecord) {
  for (const std::string& no : {request("/v1/messages/count_tokens"), request("/v1/models", "GET"),
                                request("/v1/messages", "GET"), request("/v1/messages/batches")}) {
    EXPECT_TRUE(run(kHost, no, answer()).empty()) << no;
  }
  EXPECT_TRUE(
      run("api.openai.com", request("/v1/responses/resp_1?starting_after=4", "GET"), answer())
          .empty());
  EXPECT_EQ(run(kHost, request("/v1/messages?beta=true"), answer()).size(), 1u);
}

TEST(EdgeCase28, SeveralAnswersOnOneConnection) {
  const std::string other =
      R"({"type":"message","id":"msg_2","stop_reason":"max_tokens","usage":{"output_tokens":1}})";
  const std::string out = request() + request("/v1/models", "GET") + request();
  const auto records = run(kHost, out, answer() + answer("{}") + answer(other));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].response_id, "msg_1");
  EXPECT_EQ(records[0].usage->total, 12u);
  EXPECT_EQ(records[1].response_id, "msg_2");
  EXPECT_EQ(records[1].usage->total, 1u);
  EXPECT_FALSE(records[1].model);
}

TEST(EdgeCase28, SeveralAnswersOnOneWebSocket) {
  const auto completed = [](int n) {
    return R"({"type":"response.completed","response":{"id":"r)" + std::to_string(n) +
           R"(","status":"completed","usage":{"input_tokens":)" + std::to_string(n) + "}}}";
  };
  const std::string create = R"({"type":"response.create","model":"gpt-5.3-codex"})";
  const std::string out =
      "GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" +
      ws::text(create, true) + ws::text(create, true);
  const std::string in =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" +
      ws::text(completed(1), false) + ws::text(completed(2), false);
  Observer observer({"api.openai.com", "http/1.1", 993, 1000, ""});
  const std::size_t head = out.find("\r\n\r\n") + 4;
  const std::size_t answered = in.find("\r\n\r\n") + 4;
  observer.on_bytes(Side::client, as_bytes(out).first(head), Micros());
  observer.on_bytes(Side::upstream, as_bytes(in).first(answered), Micros());
  observer.on_bytes(Side::client, as_bytes(out).subspan(head), Micros());
  observer.on_bytes(Side::upstream, as_bytes(in).subspan(answered), Micros());
  for (std::uint64_t n = 1; n <= 2; ++n) {
    const auto record = observer.next_record();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->response_id, "r" + std::to_string(n));
    EXPECT_EQ(record->usage->input_total, n);
  }
  EXPECT_FALSE(observer.next_record());
}

TEST(ClosedBy, IsTheSideThatEndedFirstWhatWasCut) {
  const std::string cut = answer().substr(0, answer().size() - 5);
  const struct {
    std::vector<SideEnd> ends;
    std::optional<Closer> closer;
  } cases[] = {
      {{{Side::client, End::abrupt}, {Side::upstream, End::abrupt}}, Closer::client},
      {{{Side::client, End::clean}, {Side::upstream, End::clean}}, Closer::client},
      {{{Side::upstream, End::abrupt}, {Side::client, End::abrupt}}, Closer::upstream},
      {{{Side::upstream, End::clean}, {Side::client, End::clean}}, Closer::upstream},
      {{{Side::client, End::ours}, {Side::upstream, End::ours}}, std::nullopt},
  };
  for (const auto& c : cases) {
    const auto records = run(kHost, request(), cut, c.ends);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].closed_by, c.closer);
    EXPECT_EQ(records[0].outcome, Outcome::partial);
    EXPECT_TRUE(records[0].flags.contains("truncated_body"));
    const auto whole = run(kHost, request(), answer(), c.ends);
    ASSERT_EQ(whole.size(), 1u);
    EXPECT_FALSE(whole[0].closed_by);
  }
}

}  // namespace
}  // namespace agp::relay
