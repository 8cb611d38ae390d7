#include "daemon/rewrite/http2_relay.h"

#include "daemon/rewrite/limits.h"
#include "tests/daemon/rewrite/http2_path.h"

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

TEST(Http2Relay, PassesAnExchangeWithTrailersInEveryPieceSize) {
  for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 9UL, 64UL, 100000UL}) {
    FakeRules rules;
    Path path(&rules);
    path.piece = piece;
    Fields request = post("/svc/Method?x=1");
    request.push_back({"te", "trailers"});
    request.push_back({"content-type", "application/grpc"});
    request.push_back({"authorization", "secret", false, true});
    request.push_back({"x-b", "2"});
    request.push_back({"x-a", "1"});
    const std::int32_t id = path.client.request(request, true);
    path.client.send(id, "hello", true, {{"x-sum", "5"}});
    path.run();
    const auto& seen = path.upstream.got[1];
    ASSERT_EQ(seen.heads.size(), 2U);
    EXPECT_EQ(seen.heads[0], request);
    EXPECT_EQ(seen.heads[1], (Fields{{"x-sum", "5"}}));
    EXPECT_EQ(seen.body, "hello");
    path.upstream.interim(1, {{":status", "103"}, {"link", "</a>"}});
    path.upstream.respond(1, {{":status", "200"}, {"content-type", "application/grpc"}}, true);
    path.upstream.send(1, "world", true, {{"grpc-status", "0"}});
    path.run();
    const auto& reply = path.client.got[id];
    ASSERT_EQ(reply.heads.size(), 3U);
    EXPECT_EQ(reply.heads[0][0].value, "103");
    EXPECT_EQ(reply.heads[1][0].value, "200");
    EXPECT_EQ(reply.heads[2], (Fields{{"grpc-status", "0"}}));
    EXPECT_EQ(reply.body, "world");
    EXPECT_TRUE(reply.closed);
    EXPECT_EQ(reply.code, 0U);
    EXPECT_TRUE(path.relay.is_idle());
    EXPECT_TRUE(path.events.empty());
    EXPECT_FALSE(path.is_closed());
  }
}

TEST(Http2Relay, PassesATrailersOnlyAnswer) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(post(), true);
  path.client.send(id, "x", true);
  path.run();
  path.upstream.respond(1, {{":status", "200"}, {"grpc-status", "12"}});
  path.run();
  EXPECT_EQ(path.client.got[id].heads.size(), 1U);
  EXPECT_TRUE(path.client.got[id].ended);
}

TEST(Http2Relay, AnswersABlockedStreamAndKeepsTheOthers) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Path path(&rules);
  const std::int32_t good = path.client.request(get());
  const std::int32_t bad = path.client.request(post("/admin/x?key=secret"), true);
  path.client.send(bad, std::string(1000000, 'x'), false);
  path.run();
  EXPECT_EQ(path.upstream.got.size(), 1U);
  EXPECT_EQ(status(path.client.got[bad]), "403");
  EXPECT_NE(path.client.got[bad].body.find(R"("message":"Not here.")"), std::string::npos);
  // A reset while the client still sends would take the answer away from it.
  EXPECT_TRUE(path.client.got[bad].ended);
  EXPECT_FALSE(path.client.got[bad].closed);
  path.client.send(bad, "the end", true);
  path.run();
  EXPECT_TRUE(path.client.got[bad].closed);
  EXPECT_EQ(path.client.got[bad].code, std::uint32_t{NGHTTP2_NO_ERROR});
  ASSERT_EQ(path.events.size(), 1U);
  EXPECT_EQ(path.events[0],
            (Event{Event::Kind::blocked, "POST", "/admin/x", "Not here.", "policy.yaml:7"}));
  path.upstream.respond(1, kOk);
  path.run();
  EXPECT_EQ(status(path.client.got[good]), "200");
}

TEST(Http2Relay, ABlockedUploadWithoutEndIsResetBehindItsAnswer) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  Path path(&rules);
  const std::int32_t id = path.client.request(post("/admin"), true);
  path.client.send(id, std::string(2'000'000, 'x'), false);
  path.run();
  EXPECT_EQ(status(path.client.got[id]), "403");
  EXPECT_TRUE(path.client.got[id].ended);
  EXPECT_TRUE(path.client.got[id].closed);
  EXPECT_EQ(path.client.got[id].code, std::uint32_t{NGHTTP2_NO_ERROR});
}

TEST(Http2Relay, ABlockedGrpcCallIsToldInItsOwnProtocol) {
  FakeRules rules;
  rules.blocked = {"/svc/"};
  Path path(&rules);
  for (const bool ends : {false, true}) {
    Fields request = post("/svc/Method");
    request.push_back({"content-type", "application/grpc+proto"});
    request.push_back({"te", "trailers"});
    const std::int32_t id = path.client.request(request, true);
    path.client.send(id, "part", ends);
    path.run();
    const auto& reply = path.client.got[id];
    ASSERT_EQ(reply.heads.size(), 1U);
    EXPECT_TRUE(reply.ended);
    EXPECT_EQ(reply.closed, ends);
    EXPECT_EQ(reply.code, std::uint32_t{NGHTTP2_NO_ERROR});
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(status(reply), "200");
    EXPECT_EQ(find(reply.heads[0], "content-type")->value, "application/grpc+proto");
    EXPECT_EQ(find(reply.heads[0], "grpc-status")->value, "7");
    EXPECT_TRUE(find(reply.heads[0], "grpc-message")->value.starts_with("Not here. "));
  }
  EXPECT_TRUE(path.upstream.got.empty());
  EXPECT_TRUE(path.relay.is_idle());
}

TEST(Http2Relay, AnotherMethodOrTargetInAFieldIsJudgedToo) {
  FakeRules rules;
  rules.blocked = {"/admin"};
  rules.blocked_methods = {"DELETE"};
  Path path(&rules);
  for (const Field& each : {Field{"x-http-method-override", "delete"},
                            Field{"x-original-url", "/admin/x"}, Field{"x-a", "DELETE"}}) {
    Fields request = post();
    request.push_back(each);
    const std::int32_t id = path.client.request(request);
    path.run();
    EXPECT_EQ(status(path.client.got[id]), each.name == "x-a" ? "none" : "403") << each.name;
  }
  EXPECT_EQ(path.upstream.got.size(), 1U);
}

TEST(Http2Relay, TrailersArriveThoughUpstreamWantsNoMoreOfTheRequest) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(post(), true);
  path.client.send(id, "part", false);
  path.run();
  // More than the client's window holds, so that the end waits here when the reset comes.
  nghttp2_session_set_local_window_size(path.client.session(), 0, id, 1000);
  path.run();
  path.upstream.respond(1, kOk, true);
  path.upstream.send(1, std::string(200'000, 'a'), true, {{"grpc-status", "0"}});
  for (int i = 0; i < 10; ++i) {
    (void)path.cross(Peer::upstream, path.upstream.take());
    (void)path.upstream.feed(path.relay.take_output(Peer::upstream));
  }
  ASSERT_EQ(path.upstream.unsent(1), 0U);
  path.upstream.reset(1, NGHTTP2_NO_ERROR);
  path.run();
  const auto& reply = path.client.got[id];
  EXPECT_EQ(reply.body.size(), 200'000U);
  ASSERT_EQ(reply.heads.size(), 2U);
  EXPECT_EQ(find(reply.heads[1], "grpc-status")->value, "0");
  EXPECT_TRUE(reply.ended);
  EXPECT_EQ(reply.code, std::uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_TRUE(path.relay.is_idle());
}

TEST(Http2Relay, TrailersOfARequestArePassedWholeOrNotAtAll) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(post(), true);
  path.client.send(id, "x", true, {{"x-sum", "1"}, {"authorization", "me"}});
  path.run();
  EXPECT_EQ(path.upstream.got[1].heads.back(), (Fields{{"x-sum", "1"}}));
  const std::int32_t large = path.client.request(post(), true);
  path.run();
  path.client.send(large, "x", true,
                   {{"x-a", std::string(10'000, 'a')}, {"x-b", std::string(10'000, 'b')}});
  path.run();
  EXPECT_TRUE(path.client.got[large].closed);
  EXPECT_EQ(path.client.got[large].code, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  EXPECT_FALSE(path.upstream.got[3].ended);
  EXPECT_TRUE(path.upstream.got[3].closed);
  EXPECT_EQ(path.events.back().where, "trailers_too_large");
  EXPECT_FALSE(path.is_closed());
}

// threat-model 55
TEST(Http2Relay, RefusesWhatIsForAnotherHost) {
  FakeRules rules;
  Path path(&rules);
  Fields wrong = get();
  wrong[2].value = "evil.example.com";
  Fields host_differs = get();
  host_differs.push_back({"host", "evil.example.com"});
  Fields port = get();
  port[2].value = "api.example.com:8443";
  Fields scheme = get();
  scheme[1].value = "http";
  for (const Fields& each : {wrong, host_differs, port, scheme}) {
    const std::int32_t id = path.client.request(each);
    path.run();
    EXPECT_EQ(status(path.client.got[id]), "421");
  }
  EXPECT_TRUE(path.upstream.got.empty());
}

TEST(Http2Relay, AHostFieldBecomesTheAuthority) {
  FakeRules rules;
  Path path(&rules);
  Fields both = get();
  both.push_back({"host", "api.example.com"});
  path.client.request(both);
  path.client.request(
      {{":method", "GET"}, {":scheme", "https"}, {":path", "/v1/a"}, {"host", "api.example.com"}});
  path.run();
  for (const std::int32_t id : {1, 3}) {
    const Fields& head = path.upstream.got[id].heads[0];
    EXPECT_EQ(count(head, "host"), 0U);
    EXPECT_EQ(find(head, ":authority")->value, "api.example.com");
  }
}

TEST(Http2Relay, ReverseEndpointSetsTheAuthority) {
  FakeRules rules;
  Options options{"api.example.com"};
  options.sets_authority = true;
  Path path(&rules, options);
  Fields local = get();
  local[1].value = "http";
  local[2].value = "127.0.0.1:8743";
  path.client.request(local);
  path.run();
  EXPECT_EQ(path.upstream.got[1].heads[0], get());
}

TEST(Http2Relay, RefusesConnectTraceAndOddPaths) {
  FakeRules rules;
  Path path(&rules);
  Fields trace = get();
  trace[0].value = "TRACE";
  Fields fragment = get("/a#b");
  const std::int32_t first =
      path.client.request({{":method", "CONNECT"}, {":authority", "api.example.com"}});
  const std::int32_t second = path.client.request(trace);
  const std::int32_t third = path.client.request(fragment);
  path.run();
  EXPECT_EQ(status(path.client.got[first]), "405");
  EXPECT_EQ(status(path.client.got[second]), "405");
  EXPECT_EQ(status(path.client.got[third]), "400");
  EXPECT_TRUE(path.upstream.got.empty());
}

// threat-model 61
TEST(Http2Relay, FieldsOfHttp1ResetTheStream) {
  FakeRules rules;
  Path path(&rules);
  for (const Field& odd : Fields{{"connection", "close"},
                                 {"transfer-encoding", "chunked"},
                                 {"upgrade", "h2c"},
                                 {"te", "gzip"},
                                 {"x-bad", "a\nb"}}) {
    Fields request = get();
    request.push_back(odd);
    const std::int32_t id = path.client.request(request);
    path.run();
    EXPECT_TRUE(path.client.got[id].closed) << odd.name;
    EXPECT_NE(path.client.got[id].code, 0U) << odd.name;
  }
  EXPECT_TRUE(path.upstream.got.empty());
}

// threat-model 61
TEST(Http2Relay, WrongContentLengthIsAReset) {
  FakeRules rules;
  Path path(&rules);
  Fields request = post();
  request.push_back({"content-length", "3"});
  const std::int32_t id = path.client.request(request, true);
  path.run();
  path.client.send(id, "hello", true);
  path.run();
  EXPECT_TRUE(path.client.got[id].closed);
  EXPECT_FALSE(path.upstream.got[1].ended);
  EXPECT_TRUE(path.upstream.got[1].closed);
}

TEST(Http2Relay, ResetsPassBothWaysWithTheirCode) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t first = path.client.request(get());
  const std::int32_t second = path.client.request(get());
  path.run();
  path.client.reset(first, NGHTTP2_CANCEL);
  path.upstream.reset(3, NGHTTP2_REFUSED_STREAM);
  path.run();
  EXPECT_EQ(path.upstream.got[1].code, std::uint32_t{NGHTTP2_CANCEL});
  EXPECT_EQ(path.client.got[second].code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
  EXPECT_TRUE(path.relay.is_idle());
}

TEST(Http2Relay, DataBeforeAResetIsDelivered) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(get());
  path.run();
  path.upstream.respond(1, kOk, true);
  path.upstream.send(1, "partial", false);
  (void)path.cross(Peer::upstream, path.upstream.take());
  path.upstream.reset(1, NGHTTP2_INTERNAL_ERROR);
  path.run();
  EXPECT_EQ(path.client.got[id].body, "partial");
  EXPECT_EQ(path.client.got[id].code, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
  EXPECT_FALSE(path.client.got[id].ended);
}

TEST(Http2Relay, EarlyAnswerEndsTheUploadWithoutAnError) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(post(), true);
  path.client.send(id, "part", false);
  path.run();
  path.upstream.respond(1, {{":status", "413"}});
  path.run();
  path.upstream.reset(1, NGHTTP2_NO_ERROR);
  path.run();
  EXPECT_EQ(status(path.client.got[id]), "413");
  EXPECT_TRUE(path.client.got[id].closed);
  EXPECT_EQ(path.client.got[id].code, std::uint32_t{NGHTTP2_NO_ERROR});
}

TEST(Http2Relay, GoawayOfUpstreamReachesTheClientAndWhatIsOpenFinishes) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t first = path.client.request(get());
  path.run();
  nghttp2_submit_goaway(path.upstream.session(), 0, 1, NGHTTP2_NO_ERROR, nullptr, 0);
  path.run();
  EXPECT_TRUE(path.client.goaway);
  EXPECT_EQ(path.client.goaway_last, first);
  EXPECT_FALSE(path.is_closed());
  path.upstream.respond(1, kOk);
  path.run();
  EXPECT_EQ(status(path.client.got[first]), "200");
  EXPECT_TRUE(path.is_closed());
}

TEST(Http2Relay, StreamsBehindAGoawayAreRefusedSoThatTheyAreRepeated) {
  FakeRules rules;
  Path path(&rules);
  path.client.request(get());
  const std::int32_t second = path.client.request(get());
  path.run();
  nghttp2_submit_goaway(path.upstream.session(), 0, 1, NGHTTP2_NO_ERROR, nullptr, 0);
  path.run();
  EXPECT_EQ(path.client.got[second].code, std::uint32_t{NGHTTP2_REFUSED_STREAM});
}

TEST(Http2Relay, GoawayOfTheClientReachesUpstream) {
  FakeRules rules;
  Path path(&rules);
  path.client.request(get());
  path.run();
  nghttp2_submit_goaway(path.client.session(), 0, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  path.run();
  EXPECT_TRUE(path.upstream.goaway);
  path.upstream.respond(1, kOk);
  path.run();
  EXPECT_EQ(status(path.client.got[1]), "200");
  EXPECT_TRUE(path.is_closed());
}

TEST(Http2Relay, EndOfUpstreamResetsWhatIsOpen) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(get());
  path.run();
  path.relay.on_end(Peer::upstream);
  path.run();
  EXPECT_TRUE(path.client.got[id].closed);
  EXPECT_NE(path.client.got[id].code, 0U);
  EXPECT_TRUE(path.client.goaway);
  EXPECT_TRUE(path.is_closed());
}

TEST(Http2Relay, EndOfTheClientEndsUpstream) {
  FakeRules rules;
  Path path(&rules);
  path.client.request(get());
  path.run();
  path.relay.on_end(Peer::client);
  path.run();
  EXPECT_TRUE(path.upstream.goaway);
  EXPECT_TRUE(path.is_closed());
}

TEST(Http2Relay, ShutDownFinishesWhatIsOpen) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(get());
  path.run();
  path.relay.shut_down();
  path.run();
  EXPECT_TRUE(path.client.goaway);
  EXPECT_FALSE(path.is_closed());
  path.upstream.respond(1, kOk);
  path.run();
  EXPECT_EQ(status(path.client.got[id]), "200");
  EXPECT_TRUE(path.is_closed());
}

TEST(Http2Relay, PingIsAnsweredHere) {
  FakeRules rules;
  Path path(&rules);
  path.run();
  nghttp2_submit_ping(path.client.session(), 0, nullptr);
  nghttp2_submit_ping(path.upstream.session(), 0, nullptr);
  path.run();
  EXPECT_EQ(path.client.pongs, 1);
  EXPECT_EQ(path.upstream.pongs, 1);
}

TEST(Http2Relay, ConcurrentStreamsOfUpstreamAreRespected) {
  FakeRules rules;
  Path path(&rules, {"api.example.com"}, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}});
  path.run();
  EXPECT_EQ(nghttp2_session_get_remote_settings(path.client.session(),
                                                NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
            2U);
  // Later it allows fewer; what the client has opened waits.
  const nghttp2_settings_entry fewer{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};
  nghttp2_submit_settings(path.upstream.session(), 0, &fewer, 1);
  path.run();
  const std::int32_t first = path.client.request(get());
  const std::int32_t second = path.client.request(get());
  path.run();
  EXPECT_EQ(path.upstream.got.size(), 1U);
  path.upstream.respond(1, kOk);
  path.run();
  EXPECT_EQ(path.upstream.got.size(), 2U);
  path.upstream.respond(3, kOk);
  path.run();
  EXPECT_EQ(status(path.client.got[first]), "200");
  EXPECT_EQ(status(path.client.got[second]), "200");
}

TEST(Http2Relay, WebSocketOverHttp2OnlyWhereUpstreamHasIt) {
  FakeRules rules;
  Path without(&rules);
  without.run();
  EXPECT_EQ(nghttp2_session_get_remote_settings(without.client.session(),
                                                NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
            0U);

  Path path(&rules, {"api.example.com"}, {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
  path.run();
  EXPECT_EQ(nghttp2_session_get_remote_settings(path.client.session(),
                                                NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
            1U);
  const Fields connect = {{":method", "CONNECT"},
                          {":protocol", "websocket"},
                          {":scheme", "https"},
                          {":authority", "api.example.com"},
                          {":path", "/v1/responses"}};
  const std::int32_t id = path.client.request(connect, true);
  path.run();
  ASSERT_EQ(path.upstream.got[1].heads.size(), 1U);
  EXPECT_EQ(count(path.upstream.got[1].heads[0], ":protocol"), 1U);
  EXPECT_EQ(rules.checked.back(), "GET /v1/responses");
  path.upstream.respond(1, kOk, true);
  path.upstream.send(1, "frame", false);
  path.client.send(id, "masked", false);
  path.run();
  EXPECT_EQ(path.client.got[id].body, "frame");
  EXPECT_EQ(path.upstream.got[1].body, "masked");
}

TEST(Http2Relay, EditsFieldsInLowerCase) {
  FakeRules rules;
  rules.request = {{FieldEdit::Action::set, "X-Team", "a"}};
  rules.response = {{FieldEdit::Action::remove, "Server", ""}};
  rules.codings = {"gzip"};
  Path path(&rules);
  Fields request = get();
  request.push_back({"accept-encoding", "gzip, br"});
  path.client.request(request);
  path.run();
  EXPECT_EQ(find(path.upstream.got[1].heads[0], "accept-encoding")->value, "gzip");
  EXPECT_EQ(path.upstream.got[1].heads[0].back(), (Field{"x-team", "a"}));
  path.upstream.respond(1, {{":status", "200"}, {"server", "x"}});
  path.run();
  EXPECT_EQ(path.client.got[1].heads[0], kOk);
}

TEST(Http2Relay, EditsABody) {
  FakeRules rules;
  rules.body.system = BodyEdits::System::replace;
  rules.body.system_text = "Be kind.";
  Path path(&rules);
  Fields request = post("/v1/messages");
  request.push_back({"content-length", "13"});
  const std::int32_t id = path.client.request(request, true);
  path.client.send(id, R"({"model":)", false);
  path.run();
  EXPECT_TRUE(path.upstream.got.empty());
  path.client.send(id, R"("m"})", true);
  path.run();
  EXPECT_EQ(path.upstream.got[1].body, R"({"system":"Be kind.","model":"m"})");
  EXPECT_EQ(find(path.upstream.got[1].heads[0], "content-length")->value, "33");
  EXPECT_TRUE(path.upstream.got[1].ended);
  EXPECT_EQ(path.relay.held_octets(), 0U);

  const std::int32_t bad = path.client.request(post("/v1/messages"), true);
  path.client.send(bad, "{", true);
  path.run();
  EXPECT_EQ(status(path.client.got[bad]), "400");
}

TEST(Http2Relay, AnEditedBodyIsHeldUpToItsLimit) {
  FakeRules rules;
  rules.body.models = {{"a", "b"}};
  Path path(&rules);
  const std::int32_t id = path.client.request(post("/v1/messages"), true);
  path.client.send(id, std::string(kMaxEditedBody + 1, ' '), true);
  path.run();
  EXPECT_EQ(status(path.client.got[id]), "413");
  EXPECT_EQ(path.relay.held_octets(), 0U);
  EXPECT_TRUE(path.upstream.got.empty());
}

TEST(Http2Relay, SixteenMebibytesPassInBoundedMemory) {
  FakeRules rules;
  Path path(&rules);
  path.client.keeps_bodies = false;
  const std::int32_t id = path.client.request(get());
  path.run();
  path.upstream.respond(1, kOk, true);
  constexpr std::size_t kPiece = 1 << 20;
  for (int i = 0; i < 16; ++i) {
    path.upstream.send(1, std::string(kPiece, 'x'), i == 15);
    path.run();
  }
  EXPECT_EQ(path.client.received, 16 * kPiece);
  EXPECT_TRUE(path.client.got[id].ended);
  EXPECT_LE(path.most_held, kStreamWindow);
}

TEST(Http2Relay, ASlowReaderSlowsOnlyItsStream) {
  FakeRules rules;
  Path path(&rules, {"api.example.com"}, {}, false);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000};
  nghttp2_submit_settings(path.client.session(), 0, &window, 1);
  nghttp2_session_set_local_window_size(path.client.session(), 0, 0, 1 << 30);
  const std::int32_t slow = path.client.request(get());
  const std::int32_t fast = path.client.request(get());
  path.run();
  nghttp2_session_set_local_window_size(path.client.session(), 0, fast, 1 << 30);
  for (const std::int32_t id : {1, 3}) {
    path.upstream.respond(id, kOk, true);
    path.upstream.send(id, std::string(4 << 20, 'x'), true);
  }
  path.run();
  EXPECT_EQ(path.client.got[slow].body.size(), 1000U);
  EXPECT_EQ(path.client.got[fast].body.size(), std::size_t{4} << 20);
  EXPECT_LE(path.most_held, 2 * kStreamWindow);
  EXPECT_GT(path.upstream.unsent(1), std::size_t{3} << 20);
}

TEST(Http2Relay, AllStreamsTogetherHoldNoMoreThanTheirTotal) {
  FakeRules rules;
  Path path(&rules, {"api.example.com"}, {}, false);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
  nghttp2_submit_settings(path.client.session(), 0, &window, 1);
  for (std::uint32_t i = 0; i < kMaxStreams; ++i) {
    path.client.request(get());
  }
  path.run();
  for (std::int32_t id = 1; id < 2 * static_cast<std::int32_t>(kMaxStreams); id += 2) {
    path.upstream.respond(id, kOk, true);
    path.upstream.send(id, std::string(1 << 20, 'x'), true);
  }
  path.run();
  EXPECT_EQ(path.client.received, 0U);
  EXPECT_LE(path.most_held, kMaxHeld + kConnectionWindow + kStreamWindow);
  EXPECT_GT(path.most_held, kMaxHeld / 2);
}

TEST(Http2Relay, AnUploadThatUpstreamDoesNotTakeIsBounded) {
  FakeRules rules;
  Path path(&rules, {"api.example.com"}, {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}, true, false);
  const std::int32_t id = path.client.request(post(), true);
  path.client.send(id, std::string(8 << 20, 'x'), true);
  path.run();
  EXPECT_LE(path.relay.held_octets(), kStreamWindow);
  EXPECT_GT(path.client.unsent(id), std::size_t{7} << 20);
  path.client.reset(id, NGHTTP2_CANCEL);
  path.run();
  EXPECT_EQ(path.relay.held_octets(), 0U);
  EXPECT_TRUE(path.relay.is_idle());
}

}  // namespace
}  // namespace agp::rewrite
