#include "daemon/api/turn_answers.h"

#include "tests/daemon/api/http_rig.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/openai/stream_events.h"
#include "tests/daemon/api/some_records.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

using namespace std::chrono_literals;
using openai::test::stream_events;
using test::Client;
using test::has;

constexpr const char* kResponse = R"({"model":"m","input":"Hi"})";
constexpr const char* kStream = R"({"model":"m","input":"Hi","stream":true})";
constexpr const char* kChatPath = "/v1/chat/completions";
constexpr const char* kChat = R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})";
constexpr const char* kChatStream =
    R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,
        "stream_options":{"include_usage":true}})";
constexpr const char* kCascade = "5f0c6f0e-8d5b-4c39-9d3f-0123456789ab";

ServerLimits impatient() {
  ServerLimits limits;
  limits.turns.settle = 0ms;
  return limits;
}

boost::json::value body_of(const std::string& answer) {
  return boost::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

class TurnAnswersTest : public test::HttpServerTest {
 protected:
  TurnAnswersTest() {
    other_ledger_ = &kept_;
    turns_.events = {openai::TurnStarted{"gemini-3-flash", kCascade},
                     openai::TextAppended{"Hello."}};
  }
  void record_call(const std::string& response_id) {
    auto record = test::full_record();
    record.id.clear();
    record.cascade_id = kCascade;
    record.response_id = response_id;
    kept_.append(std::move(record));
  }
  // The turns that wait say something more, or end.
  void say(const openai::TurnEvent& event) {
    on_server([&] {
      for (const auto& one : turns_.held) {
        one.first->on_event(event);
      }
    });
  }
  void let_end() {
    on_server([&] {
      for (const auto& one : turns_.held) {
        one.second->cancel();
      }
    });
  }
  [[nodiscard]] std::string chat(const std::string& body) const {
    return post(body, "", kChatPath);
  }

  test::MemoryLedger kept_;
};

TEST_F(TurnAnswersTest, AResponseTellsWhatWasMeasured) {
  record_call("r-1");
  turns_.outcome.response_ids = {"r-1"};
  start();
  Client client(where_);
  const auto answer = client.ask(post(kResponse));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  const auto document = body_of(answer);
  EXPECT_EQ(document.at("output").at(0).at("content").at(0).at("text").as_string(), "Hello.");
  EXPECT_EQ(document.at("model").as_string(), "gemini-3-flash");
  EXPECT_EQ(document.at("antigravity_proxy").at("calls"), 1);
  EXPECT_EQ(document.at("usage").at("total_tokens"), test::full_record().usage->total);
  EXPECT_EQ(turns_.asked.input, "Hi");
  EXPECT_TRUE(client.ask(get("/health")).starts_with("HTTP/1.1 200"));  // the connection goes on
}

TEST_F(TurnAnswersTest, UsageThatWasNeverMeasuredIsNull) {
  start(impatient());
  const auto document = body_of(Client(where_).ask(post(kResponse)));
  EXPECT_TRUE(document.at("usage").is_null());
  EXPECT_TRUE(document.at("antigravity_proxy").at("calls").is_null());
}

TEST_F(TurnAnswersTest, ACallWhoseRecordNeverComesIsUnknown) {
  turns_.outcome.response_ids = {"r-1"};
  start(impatient());
  const auto document = body_of(Client(where_).ask(post(kResponse)));
  EXPECT_TRUE(document.at("usage").is_null());
  EXPECT_EQ(document.at("antigravity_proxy").at("usage_unknown"), 1);
}

TEST_F(TurnAnswersTest, AStreamIsSentWhileTheModelSpeaks) {
  record_call("r-1");
  turns_.holds = true;
  start();
  Client client(where_);
  client.send(post(kStream));
  const auto head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_TRUE(has(head, "Content-Type: text/event-stream\r\n")) << head;
  auto octets = client.read_until("\"delta\":\"Hello.\"");  // before the turn ends
  say(openai::TextAppended{" \xE2\x82"});
  octets += client.read_until("\"delta\":\" \"");
  say(openai::TextAppended{"\xAC"});
  octets += client.read_until("\"delta\":\"\xE2\x82\xAC\"");
  let_end();
  octets += client.read_until("event: response.completed\n");
  EXPECT_TRUE(has(octets, "event: response.created\n"));
  EXPECT_TRUE(has(client.read_until("0\r\n\r\n"), "Hello. \xE2\x82\xAC"));
  EXPECT_TRUE(client.ask(get("/health")).starts_with("HTTP/1.1 200"));
}

TEST_F(TurnAnswersTest, ChatCompletions) {
  record_call("r-1");
  start();
  Client client(where_);
  const auto whole = body_of(client.ask(chat(kChat)));
  EXPECT_EQ(whole.at("object").as_string(), "chat.completion");
  EXPECT_EQ(whole.at("choices").at(0).at("message").at("content").as_string(), "Hello.");
  EXPECT_EQ(whole.at("usage").at("total_tokens"), test::full_record().usage->total);
  client.send(chat(kChatStream));
  (void)client.read_head();
  const auto events = stream_events(client.read_chunks().value());
  EXPECT_EQ(events.back().data, "[DONE]");
  EXPECT_EQ(events[events.size() - 2].json().at("usage").at("total_tokens"),
            test::full_record().usage->total);
}

TEST_F(TurnAnswersTest, AnOldClientGetsTheStreamUntilTheEndOfTheConnection) {
  start(impatient());
  Client client(where_);
  const std::string body = kStream;
  client.send("POST /v1/responses HTTP/1.0\r\n" + host() +
              "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  const auto rest = client.read_rest();
  EXPECT_FALSE(has(rest, "Transfer-Encoding"));
  EXPECT_TRUE(has(rest, "event: response.completed\n")) << rest;
}

TEST_F(TurnAnswersTest, GoesOnFromAResponse) {
  start(impatient());
  Client client(where_);
  const auto first = body_of(client.ask(post(kResponse)));
  EXPECT_TRUE(turns_.asked.cascade_id.empty());
  const std::string id(first.at("id").as_string());
  const auto next = [&](const std::string& previous) {
    return post(R"({"model":"m","input":"More","previous_response_id":")" + previous + "\"}");
  };
  const auto second = body_of(client.ask(next(id)));
  EXPECT_EQ(turns_.asked.cascade_id, kCascade);
  EXPECT_EQ(second.at("previous_response_id").as_string(), id);
  auto changed = id;
  changed.back() = changed.back() == 'a' ? 'b' : 'a';
  for (const auto& unknown : {changed, std::string("resp_1")}) {
    const auto answer = client.ask(next(unknown));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 404")) << answer;
    EXPECT_TRUE(has(answer, "\"code\":\"previous_response_not_found\"")) << answer;
    EXPECT_TRUE(has(answer, "\"param\":\"previous_response_id\"")) << answer;
  }
  // Known to us, and not to the language server any more.
  turns_.events.clear();
  turns_.outcome.end = ApiError{404, "invalid_request_error", kConversationNotFound, "no", "", ""};
  EXPECT_TRUE(has(client.ask(next(id)), "\"code\":\"previous_response_not_found\""));
}

TEST_F(TurnAnswersTest, OneTurnAtATimeInAConversation) {
  turns_.holds = true;
  start(impatient());
  Client client(where_);
  client.send(post(kStream));
  (void)client.read_head();
  (void)client.read_until("\"id\":\"");
  auto id = client.read_until("\"");
  id.pop_back();
  const auto answer = Client(where_).ask(
      post(R"({"model":"m","input":"More","previous_response_id":")" + id + "\"}"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 409")) << answer;
  EXPECT_TRUE(has(answer, "\"code\":\"conversation_busy\"")) << answer;
  let_end();
  EXPECT_TRUE(has(client.read_until("0\r\n\r\n"), "response.completed"));
}

TEST_F(TurnAnswersTest, TurnsAreLimited) {
  turns_.holds = true;
  auto limits = impatient();
  limits.turns.open = 1;
  start(limits);
  Client first(where_);
  first.send(post(kResponse));
  turns_.await_begun(1);
  const auto answer = Client(where_).ask(chat(kChat));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 429")) << answer;
  EXPECT_TRUE(has(answer, "Retry-After: 5\r\n")) << answer;
  let_end();
  EXPECT_TRUE(first.read_response().starts_with("HTTP/1.1 200"));
}

TEST_F(TurnAnswersTest, AClientThatLeavesCancelsItsTurn) {
  turns_.holds = true;
  start();
  for (const auto* body : {kResponse, kStream}) {
    const std::size_t before = turns_.begun;
    {
      Client client(where_);
      client.send(post(body));
      turns_.await_begun(before + 1);
    }
    turns_.await_cancelled(before + 1);
  }
}

TEST_F(TurnAnswersTest, AQuietStreamIsKeptAlive) {
  turns_.holds = true;
  turns_.events.clear();  // not even begun
  auto limits = impatient();
  limits.turns.keep_alive = 1ms;
  start(limits);
  Client client(where_);
  client.send(post(kStream));
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(has(client.read_until(": keep-alive\n\n"), ": keep-alive"));
  on_server(
      [&] { turns_.outcome.end = ApiError{503, "server_error", "gone", "it is gone", "", ""}; });
  let_end();
  // The status was sent long ago.
  EXPECT_TRUE(has(client.read_until("0\r\n\r\n"), "event: error\ndata: {\"type\":\"error\""));
}

TEST_F(TurnAnswersTest, AFailedTurnIsAStatusUntilSomethingWasSaid) {
  turns_.events.clear();
  turns_.outcome.end = ApiError{504, "server_error", "turn_timed_out", "waiting", "wait", ""};
  start(impatient());
  for (const auto& request : {post(kResponse), post(kStream), chat(kChat), chat(kChatStream)}) {
    const auto answer = Client(where_).ask(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 504")) << answer;
    EXPECT_TRUE(has(answer, "\"code\":\"turn_timed_out\"")) << answer;
    EXPECT_FALSE(has(answer, "X-Should-Retry")) << answer;
  }
}

TEST_F(TurnAnswersTest, AfterThatItIsAnEventAndNotWorthARetry) {
  turns_.outcome.end = ApiError{502, "server_error", "model_failed", "it broke", "", ""};
  start(impatient());
  const auto whole = Client(where_).ask(post(kResponse));
  EXPECT_TRUE(whole.starts_with("HTTP/1.1 502")) << whole;
  EXPECT_TRUE(has(whole, "X-Should-Retry: false\r\n")) << whole;
  turns_.holds = true;
  Client client(where_);
  client.send(post(kStream));
  (void)client.read_until("Hello.");
  let_end();
  EXPECT_TRUE(has(client.read_until("0\r\n\r\n"), "event: response.failed\n"));
}

TEST_F(TurnAnswersTest, AReaderThatTakesNothingIsCutOffAndItsTurnCancelled) {
  turns_.holds = true;
  auto limits = impatient();
  limits.turns.waiting_bytes = 1'000'000;
  start(limits);
  Client client(where_);
  client.send(post(kStream));
  turns_.await_begun(1);
  // More than every buffer on the way, in pieces that are each within the limit.
  const std::string piece(900'000, 'x');
  for (int i = 0; i < 15 && turns_.cancelled == 0; ++i) {
    say(openai::TextAppended{piece});
  }
  turns_.await_cancelled(1);
}

TEST_F(TurnAnswersTest, TheStopOfTheServiceEndsTurnsAndSaysSo) {
  turns_.holds = true;
  start(impatient());
  Client whole(where_);
  whole.send(post(kResponse));
  turns_.await_begun(1);
  turns_.events[0] = openai::TurnStarted{"gemini-3-flash", "c-2"};
  Client stream(where_);
  stream.send(post(kStream));
  turns_.await_begun(2);
  (void)stream.read_until("Hello.");
  std::promise<void> told;
  boost::asio::post(io_, [&] { server_->stop([&] { told.set_value(); }); });
  told.get_future().get();
  turns_.await_cancelled(2);
  const auto answer = whole.read_response();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_TRUE(has(answer, "\"code\":\"service_stopping\"")) << answer;
  EXPECT_TRUE(has(stream.read_rest(), "event: response.failed\n"));
}

TEST_F(TurnAnswersTest, BeforeTheStopTurnsMayEndAndNoneBegins) {
  turns_.holds = true;
  start(impatient());
  Client client(where_);
  client.send(post(kResponse));
  turns_.await_begun(1);
  std::promise<void> drained;
  on_server([&] { server_->drain([&] { drained.set_value(); }); });
  const auto refused = Client(where_).ask(post(kResponse));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 503")) << refused;
  EXPECT_TRUE(has(refused, "\"code\":\"service_stopping\"")) << refused;
  let_end();
  EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200"));
  drained.get_future().get();
  EXPECT_TRUE(Client(where_).ask(get("/health")).starts_with("HTTP/1.1 200"));
}

TEST_F(TurnAnswersTest, WrongParametersAreRefusedByName) {
  start();
  const auto answer =
      Client(where_).ask(post(R"({"model":"m","input":"Hi","tools":[{"type":"web_search"}]})"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << answer;
  EXPECT_TRUE(has(answer, "\"param\":\"tools\",\"code\":\"unsupported_parameter\"")) << answer;
}

}  // namespace
}  // namespace agp::api
