#include "daemon/rewrite/limits.h"
#include "tests/daemon/rewrite/support.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

constexpr char kGet[] = "GET /v1/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string post(std::string_view path, std::string_view body, std::string_view fields = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: api.example.com\r\n" +
         std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST(Http1Relay, PassesExchangesOneAfterTheOther) {
  FakeRules rules;
  Wire wire(&rules);
  EXPECT_TRUE(wire.relay->is_idle());
  wire.client(kGet);
  EXPECT_FALSE(wire.relay->is_idle());
  wire.upstream(kOk);
  EXPECT_TRUE(wire.relay->is_idle());
  wire.client(kGet);
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_upstream, std::string(kGet) + kGet);
  EXPECT_EQ(wire.to_client, std::string(kOk) + kOk);
  EXPECT_FALSE(wire.is_closed());
}

TEST(Http1Relay, AnotherMethodOrTargetInAFieldIsJudgedToo) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  rules.blocked_methods = {"DELETE"};
  for (const std::string_view field :
       {"X-HTTP-Method-Override: DELETE\r\n", "x-http-method: delete\r\n",
        "X-Method-Override: PUT, DELETE\r\n", "X-Original-URL: /admin\r\n",
        "X-Rewrite-Url: /admin/x\r\n"}) {
    Wire wire(&rules);
    wire.client(post("/v1/a", "{}", field));
    EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 ")) << field;
    EXPECT_EQ(wire.to_upstream, "") << field;
  }
  Wire wire(&rules);
  wire.client("delete /v1/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 "));
  Wire plain(&rules);
  plain.client(post("/v1/a", "{}", "X-HTTP-Method-Override: PUT\r\n"));
  EXPECT_NE(plain.to_upstream, "");
}

TEST(Http1Relay, MoreMethodsThanCanBeJudgedAreForbidden) {
  FakeRules rules;
  std::string methods = "X-HTTP-Method-Override: A";
  std::string targets;
  for (std::size_t i = 0; i < kMaxOverrides; ++i) {
    methods += ",M" + std::to_string(i);
    targets += "X-Original-URL: /" + std::to_string(i) + "\r\n";
  }
  for (const std::string& fields : {methods + "\r\n", targets}) {
    rules.checked.clear();
    Wire wire(&rules);
    wire.client(post("/v1/a", "{}", fields));
    EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 ")) << fields;
    EXPECT_EQ(rules.checked.size(), 1U);
  }
}

TEST(Http1Relay, HoldsPipelinedRequestsUntilTheAnswerBeforeThemHasEnded) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(std::string(kGet) + kGet + kGet);
  EXPECT_EQ(wire.to_upstream, kGet);
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_upstream, std::string(kGet) + kGet);
  wire.upstream(kOk);
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_upstream, std::string(kGet) + kGet + kGet);
  EXPECT_TRUE(wire.relay->is_idle());
}

TEST(Http1Relay, AnswersABlockedRequestAndStaysUsable) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Wire wire(&rules);
  wire.client(post("/admin/x?key=secret", "hello"));
  EXPECT_EQ(wire.to_upstream, "");
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 Forbidden\r\n")) << wire.to_client;
  EXPECT_NE(wire.to_client.find(R"("type":"policy_blocked")"), std::string::npos);
  EXPECT_NE(wire.to_client.find(R"("message":"Not here.")"), std::string::npos);
  ASSERT_EQ(wire.events.size(), 1U);
  EXPECT_EQ(wire.events[0],
            (Event{Event::Kind::blocked, "POST", "/admin/x", "Not here.", "policy.yaml:7"}));
  EXPECT_FALSE(wire.is_closed());
  wire.to_client.clear();
  wire.client(kGet);
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_upstream, kGet);
  EXPECT_EQ(wire.to_client, kOk);
}

TEST(Http1Relay, BlockedRequestBetweenOthersKeepsTheOrderOfAnswers) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Wire wire(&rules);
  wire.client(std::string(kGet) + "GET /admin HTTP/1.1\r\nHost: api.example.com\r\n\r\n" + kGet);
  EXPECT_EQ(wire.to_client, "");
  wire.upstream(kOk);
  wire.upstream(kOk);
  const std::string messages = in_one_piece(wire.to_client, HeadReader::Kind::response);
  const std::size_t blocked = messages.find("403 ");
  EXPECT_LT(messages.find("200 OK"), blocked);
  EXPECT_GT(messages.rfind("200 OK"), blocked);
  EXPECT_EQ(wire.to_upstream, std::string(kGet) + kGet);
}

TEST(Http1Relay, ClosesWhenTheBodyOfABlockedRequestIsTooLongToReadAway) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Wire wire(&rules);
  wire.client("POST /admin HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 2000000\r\n\r\n");
  EXPECT_NE(wire.to_client.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(wire.is_closed());

  Wire chunked(&rules);
  chunked.client(
      "POST /admin HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_FALSE(chunked.is_closed());
  chunked.client("100001\r\n");
  chunked.client(std::string(0x100001, 'x'));
  EXPECT_TRUE(chunked.is_closed());
  EXPECT_EQ(chunked.to_upstream, "");
}

TEST(Http1Relay, ClosesAfterBlockingARequestThatWaitsForContinue) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Wire wire(&rules);
  wire.client(
      "POST /admin HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n");
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 "));
  EXPECT_NE(wire.to_client.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, PassesContinueThrough) {
  FakeRules rules;
  Wire wire(&rules);
  const std::string head =
      "POST /v1/a HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\n"
      "Content-Length: 5\r\n\r\n";
  wire.client(head);
  EXPECT_EQ(wire.to_upstream, head);
  wire.upstream("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(wire.to_client, "HTTP/1.1 100 Continue\r\n\r\n");
  wire.client("hello");
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_upstream, head + "hello");
  EXPECT_TRUE(wire.relay->is_idle());
}

TEST(Http1Relay, BodiesStreamThroughBeforeTheyEnd) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1000\r\n\r\nabc");
  EXPECT_TRUE(wire.to_upstream.ends_with("\r\n\r\nabc"));
  wire.upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\ndata: ");
  EXPECT_TRUE(wire.to_client.ends_with("\r\n\r\n6\r\ndata: \r\n")) << wire.to_client;
}

TEST(Http1Relay, AnswerBeforeTheRequestHasEndedIsPassedOn) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10\r\n\r\nabc");
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_client, kOk);
  EXPECT_FALSE(wire.is_closed());
  wire.client("defghij");
  EXPECT_TRUE(wire.to_upstream.ends_with("abcdefghij"));
  EXPECT_TRUE(wire.relay->is_idle());

  Wire closing(&rules);
  closing.client("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10\r\n\r\nabc");
  closing.upstream(
      "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(closing.to_client.starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(closing.is_closed());
}

TEST(Http1Relay, HeadHasNoBodyWhateverTheAnswerSays) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("HEAD / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
  wire.upstream(answer);
  EXPECT_EQ(wire.to_client, answer);
  EXPECT_TRUE(wire.relay->is_idle());
}

TEST(Http1Relay, BodyUntilCloseEndsWithTheConnection) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  wire.upstream("HTTP/1.1 200 OK\r\n\r\nhello");
  EXPECT_EQ(wire.to_client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  EXPECT_FALSE(wire.is_closed());
  wire.end(Peer::upstream);
  EXPECT_TRUE(wire.is_closed());
  EXPECT_TRUE(wire.events.empty());
}

TEST(Http1Relay, TruncatedAnswerStaysTruncated) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  wire.upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  wire.end(Peer::upstream);
  EXPECT_EQ(wire.to_client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, UpstreamThatNeverAnswersIsABadGateway) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  wire.end(Peer::upstream);
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 502 "));
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, RaceOfAKeptAliveConnectionLooksAsItDoesWithoutUs) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  wire.upstream(kOk);
  wire.client(kGet);
  wire.end(Peer::upstream);
  EXPECT_EQ(wire.to_client, kOk);
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, HalfClosedClientStillGetsItsAnswers) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(std::string(kGet) + kGet);
  wire.end(Peer::client);
  EXPECT_FALSE(wire.is_closed());
  wire.upstream(kOk);
  EXPECT_FALSE(wire.is_closed());
  wire.upstream(kOk);
  EXPECT_EQ(wire.to_client, std::string(kOk) + kOk);
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, ClientThatEndsInTheMiddleOfARequestEndsBothLegs) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 10\r\n\r\nabc");
  wire.end(Peer::client);
  EXPECT_TRUE(wire.is_closed());
  EXPECT_EQ(wire.to_client, "");
}

TEST(Http1Relay, CloseOfEitherSideReachesTheOther) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client("GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n");
  EXPECT_NE(wire.to_upstream.find("Connection: close\r\n"), std::string::npos);
  wire.upstream(kOk);
  EXPECT_NE(wire.to_client.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(wire.is_closed());

  Wire old(&rules);
  old.client("GET / HTTP/1.0\r\nHost: api.example.com\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(old.to_upstream.starts_with("GET / HTTP/1.0\r\n"));
  old.upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  EXPECT_EQ(old.to_client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
  EXPECT_TRUE(old.is_closed());
}

TEST(Http1Relay, WebSocketIsRawAfterTheUpgrade) {
  FakeRules rules;
  Wire wire(&rules);
  const std::string request =
      "GET /v1/responses HTTP/1.1\r\nHost: api.example.com\r\nSec-WebSocket-Key: abc\r\n"
      "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\n\r\n";
  wire.client(request);
  wire.client("early");
  wire.upstream(answer + "frame");
  wire.client("late");
  EXPECT_EQ(wire.to_upstream, request + "earlylate");
  EXPECT_EQ(wire.to_client, answer + "frame");
  EXPECT_FALSE(wire.relay->is_idle());
  wire.end(Peer::client);
  EXPECT_TRUE(wire.relay->wants_close(Peer::upstream));
  EXPECT_FALSE(wire.relay->wants_close(Peer::client));
  wire.upstream("last");
  EXPECT_TRUE(wire.to_client.ends_with("last"));
  wire.end(Peer::upstream);
  EXPECT_TRUE(wire.is_closed());
}

TEST(Http1Relay, WebSocketIsNoWayAroundAnEdit) {
  FakeRules rules;
  rules.body.models = {{"*", "m"}};
  Wire wire(&rules);
  wire.client(
      "GET /v1/responses HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\n\r\n");
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 403 "));
  EXPECT_EQ(wire.to_upstream, "");
}

TEST(Http1Relay, EditsFieldsAndLimitsCodings) {
  FakeRules rules;
  rules.request = {{FieldEdit::Action::set, "X-Team", "a"},
                   {FieldEdit::Action::remove, "x-secret", ""},
                   {FieldEdit::Action::add, "X-More", "b"},
                   {FieldEdit::Action::set, "Content-Length", "7"}};
  rules.response = {{FieldEdit::Action::remove, "Server", ""}};
  rules.codings = {"gzip", "br"};
  Wire wire(&rules);
  wire.client(
      "GET / HTTP/1.1\r\nHost: api.example.com\r\nx-team: old\r\nX-Secret: s\r\n"
      "Accept-Encoding: zstd, gzip;q=0.5, br\r\nX-Team: two\r\n\r\n");
  EXPECT_EQ(wire.to_upstream,
            "GET / HTTP/1.1\r\nHost: api.example.com\r\nx-team: a\r\n"
            "Accept-Encoding: gzip;q=0.5, br\r\nX-More: b\r\n\r\n");
  wire.upstream("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(wire.to_client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(Http1Relay, ReverseEndpointSetsTheAuthority) {
  FakeRules rules;
  Options options{"api.example.com"};
  options.sets_authority = true;
  options.scheme = "http";
  Wire wire(&rules, options);
  wire.client("GET / HTTP/1.1\r\nX-A: 1\r\nHost: 127.0.0.1:8743\r\n\r\n");
  EXPECT_EQ(wire.to_upstream, "GET / HTTP/1.1\r\nX-A: 1\r\nHost: api.example.com\r\n\r\n");
}

TEST(Http1Relay, EditsABodyAndWritesItsLengthAnew) {
  FakeRules rules;
  rules.body.system = BodyEdits::System::replace;
  rules.body.system_text = "Be kind.";
  Wire wire(&rules);
  wire.client(post("/v1/messages", R"({"model": "m", "n":1.0})"));
  EXPECT_TRUE(
      wire.to_upstream.ends_with("\r\n\r\n"
                                 R"({"system":"Be kind.","model": "m", "n":1.0})"))
      << wire.to_upstream;
  EXPECT_NE(wire.to_upstream.find("Content-Length: 43\r\n"), std::string::npos);
  ASSERT_EQ(wire.events.size(), 1U);
  EXPECT_EQ(wire.events[0].kind, Event::Kind::rewritten);
  wire.upstream(kOk);
  wire.client(kGet);
  EXPECT_TRUE(wire.to_upstream.ends_with(kGet));
}

TEST(Http1Relay, EditsAChunkedBodyAndSaysContinueItself) {
  FakeRules rules;
  rules.body.models = {{"a", "b"}};
  Wire wire(&rules);
  wire.client(
      "POST /v1/messages HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n"
      "Expect: 100-continue\r\nX-End: 1\r\n\r\n");
  EXPECT_EQ(wire.to_client, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(wire.to_upstream, "");
  wire.client("6\r\n{\"mode\r\n7\r\nl\":\"a\"}\r\n0\r\n\r\n");
  EXPECT_EQ(wire.to_upstream,
            "POST /v1/messages HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 13\r\n"
            "X-End: 1\r\n\r\n{\"model\":\"b\"}");
}

TEST(Http1Relay, RefusesABodyThatCannotBeEdited) {
  FakeRules rules;
  rules.body.models = {{"a", "b"}};
  Wire wire(&rules);
  wire.client(post("/v1/messages", "{\"model\":"));
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 400 "));
  EXPECT_NE(wire.to_client.find("bad_json"), std::string::npos);
  EXPECT_EQ(wire.to_upstream, "");
  EXPECT_FALSE(wire.is_closed());

  Wire large(&rules);
  large.client(
      "POST /v1/messages HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 33554433\r\n\r\n");
  EXPECT_TRUE(large.to_client.starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(large.is_closed());
}

TEST(Http1Relay, ABodyToEditIsHeldUpToItsLimit) {
  FakeRules rules;
  rules.body.models = {{"a", "b"}};
  Wire wire(&rules);
  wire.client(
      "POST /v1/messages HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3000000\r\n");
  const std::string mebibyte(1 << 20, ' ');
  for (int i = 0; i < 32; ++i) {
    wire.client(mebibyte);
  }
  EXPECT_FALSE(wire.is_closed());
  wire.client(" ");
  EXPECT_TRUE(wire.to_client.starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(wire.is_closed());
  EXPECT_EQ(wire.to_upstream, "");
}

TEST(Http1Relay, StopsReadingAboveTheHighWaterMarks) {
  FakeRules rules;
  const auto relay = Relay::make(Protocol::http1, {"api.example.com"}, &rules);
  const std::string head =
      "POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 100000000\r\n\r\n";
  relay->on_bytes(Peer::client, as_bytes(head));
  const std::string piece(kHighWater, 'x');
  EXPECT_TRUE(relay->wants_read(Peer::client));
  relay->on_bytes(Peer::client, as_bytes(piece));
  EXPECT_FALSE(relay->wants_read(Peer::client));
  EXPECT_TRUE(relay->wants_read(Peer::upstream));
  (void)relay->take_output(Peer::upstream);
  EXPECT_TRUE(relay->wants_read(Peer::client));
  relay->on_bytes(Peer::upstream, as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"));
  relay->on_bytes(Peer::upstream, as_bytes(piece));
  EXPECT_FALSE(relay->wants_read(Peer::upstream));
  (void)relay->take_output(Peer::client);
  EXPECT_TRUE(relay->wants_read(Peer::upstream));
}

TEST(Http1Relay, PipelinedRequestsWaitWithinALimit) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  std::string many;
  while (many.size() < kMaxParked) {
    many += kGet;
  }
  EXPECT_TRUE(wire.relay->wants_read(Peer::client));
  wire.client(many);
  EXPECT_FALSE(wire.relay->wants_read(Peer::client));
  EXPECT_EQ(wire.to_upstream, kGet);
}

TEST(Http1Relay, AnswersOfOurOwnAreBoundedToo) {
  FakeRules rules;
  rules.blocked = {"/"};
  const auto relay = Relay::make(Protocol::http1, {"api.example.com"}, &rules);
  std::string many;
  for (int i = 0; i < 5000; ++i) {
    many += kGet;
  }
  relay->on_bytes(Peer::client, as_bytes(many));
  std::size_t answers = 0;
  for (Buffer out = relay->take_output(Peer::client); !out.empty();
       out = relay->take_output(Peer::client)) {
    EXPECT_LT(out.size(), kHighWater + 1024);
    for (std::size_t at = 0; (at = as_text(out).find("HTTP/1.1 403", at)) != std::string::npos;
         ++at) {
      ++answers;
    }
  }
  EXPECT_EQ(answers, 5000U);
}

TEST(Http1Relay, ShutDownFinishesWhatIsOpen) {
  FakeRules rules;
  Wire wire(&rules);
  wire.client(kGet);
  wire.relay->shut_down();
  EXPECT_FALSE(wire.is_closed());
  wire.upstream(kOk);
  EXPECT_NE(wire.to_client.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(wire.is_closed());

  Wire idle(&rules);
  idle.relay->shut_down();
  EXPECT_TRUE(idle.is_closed());
}

TEST(Http1Relay, EveryCutOfAConversationGivesTheSame) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  const std::string requests =
      std::string(kGet) + post("/admin", "abc") +
      "POST /v1/b HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n" +
      kGet;
  const std::string answers[] = {kOk,
                                 "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                                 kOk};
  const auto run = [&](std::size_t size) {
    Wire wire(&rules);
    std::size_t next = 0;
    for (std::size_t at = 0; at < requests.size(); at += size) {
      wire.client(std::string_view(requests).substr(at, size));
      std::string seen = in_one_piece(wire.to_upstream, HeadReader::Kind::request);
      while (seen.find('~') == std::string::npos &&
             static_cast<std::size_t>(std::ranges::count(seen, '<')) > next) {
        for (std::size_t i = 0; i < answers[next].size(); i += size) {
          wire.upstream(std::string_view(answers[next]).substr(i, size));
        }
        ++next;
        seen = in_one_piece(wire.to_upstream, HeadReader::Kind::request);
      }
    }
    return in_one_piece(wire.to_upstream, HeadReader::Kind::request) + "----\n" +
           in_one_piece(wire.to_client, HeadReader::Kind::response);
  };
  const std::string whole = run(requests.size());
  EXPECT_NE(whole.find("403 Forbidden"), std::string::npos);
  EXPECT_EQ(std::ranges::count(whole, '<'), 8);
  for (std::size_t size = 1; size < 60; ++size) {
    EXPECT_EQ(run(size), whole) << "pieces of " << size;
  }
}

}  // namespace
}  // namespace agp::rewrite
