#include "daemon/usage/openai_responses_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

using Flags = std::set<std::string>;

Record read(const std::string& body,
            const std::string& type = "text/event-stream",
            std::size_t cut = 0) {
  ResponseFacts facts;
  facts.content_type = type;
  OpenAiResponsesReader reader(facts);
  reader.feed(as_bytes(body.substr(0, cut)));
  reader.feed(as_bytes(body.substr(cut)));
  reader.finish();
  Record record;
  reader.fill(&record);
  record.usage_state = !record.usage        ? UsageState::none
                       : reader.has_ended() ? UsageState::final
                                            : UsageState::provisional;
  record.outcome = record.error         ? Outcome::error
                   : reader.has_ended() ? Outcome::ok
                                        : Outcome::partial;
  return record;
}

std::string event(const std::string& type, const std::string& rest) {
  return "event: " + type + "\ndata: {\"type\":\"" + type + "\"," + rest + "}\n\n";
}

const std::string kUsage =
    R"("usage":{"input_tokens":900,"input_tokens_details":{"cached_tokens":768,"cache_write_tokens":100,"cache_write_tokens_details":{"ttl_30m_tokens":60,"ttl_12h_tokens":40}},"output_tokens":120,"output_tokens_details":{"reasoning_tokens":96},"total_tokens":1020})";
const std::string kResponse =
    R"({"id":"resp_1","object":"response","status":"completed","error":null,"model":"gpt-5.3-codex","service_tier":"Default","output":[{"type":"message","content":[{"type":"output_text","text":"\"usage\":{\"input_tokens\":1}"}]}],)" +
    kUsage + "}";
const std::string kStream =
    event(
        "response.created",
        R"("response":{"id":"resp_1","model":"gpt-5.3-codex","status":"in_progress","usage":null})") +
    event("response.output_text.delta", R"("delta":"x","usage":{"input_tokens":5})") +
    event("response.completed", R"("response":)" + kResponse);

void expect_reference(const Record& record) {
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 900u);
  EXPECT_EQ(record.usage->cached_input, 768u);
  EXPECT_EQ(record.usage->cache_write, 100u);
  EXPECT_EQ(record.usage->input_uncached, 32u);
  EXPECT_EQ(record.usage->cache_write_by_ttl,
            (std::map<std::string, std::uint64_t>{{"30m", 60}, {"12h", 40}}));
  EXPECT_EQ(record.usage->output_total, 120u);
  EXPECT_EQ(record.usage->reasoning, 96u);
  EXPECT_EQ(record.usage->total, 1020u);
  EXPECT_EQ(record.usage->reported_total, 1020u);
  EXPECT_EQ(record.model, "gpt-5.3-codex");
  EXPECT_EQ(record.model_source, ModelSource::response);
  EXPECT_EQ(record.response_id, "resp_1");
  EXPECT_EQ(record.service_tier, "default");
  EXPECT_EQ(record.finish, Finish::stop);
  EXPECT_EQ(record.finish_raw, "completed");
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.flags, Flags());
}

TEST(OpenAiResponsesReader, EverySplitOfAStreamIsTheReference) {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    const Record record = read(kStream, "text/event-stream", cut);
    expect_reference(record);
    EXPECT_TRUE(record.stream);
    ASSERT_FALSE(HasFailure()) << cut;
  }
}

TEST(OpenAiResponsesReader, AJsonBodyAndASequenceSayTheSame) {
  expect_reference(read(kResponse, "application/json"));
  EXPECT_FALSE(read(kResponse, "application/json").stream);
  const std::string rs(1, static_cast<char>(kRecordSeparator));
  const std::string messages = R"({"type":"response.created","response":{"id":"resp_1"}})" + rs +
                               R"({"type":"codex.rate_limits","usage":{"input_tokens":3}})" + rs +
                               R"({"type":"response.completed","response":)" + kResponse + "}" + rs;
  for (std::size_t cut = 0; cut <= messages.size(); ++cut) {
    expect_reference(read(messages, kJsonSequence, cut));
    ASSERT_FALSE(HasFailure()) << cut;
  }
}

TEST(OpenAiResponsesReader, EveryCutOfAStreamIsFinalOnlyWithTheTerminalEvent) {
  for (std::size_t n = 0; n + 2 < kStream.size(); ++n) {
    const Record record = read(kStream.substr(0, n));
    if (record.usage) {
      EXPECT_EQ(record.usage->input_total, 900u) << n;
    } else {
      EXPECT_EQ(record.outcome, Outcome::partial) << n;
    }
  }
}

TEST(OpenAiResponsesReader, MapsHowAResponseEnded) {
  const auto ended = [](const std::string& type, const std::string& fields) {
    return read(event(type, R"("response":{)" + fields + "," + kUsage + "}"));
  };
  const auto reason = [&](const std::string& word) {
    return ended("response.incomplete",
                 R"("status":"incomplete","incomplete_details":{"reason":")" + word + "\"}");
  };
  EXPECT_EQ(reason("max_output_tokens").finish, Finish::length);
  EXPECT_EQ(reason("max_messages").finish, Finish::length);
  EXPECT_EQ(reason("content_filter").finish, Finish::content_filter);
  EXPECT_EQ(reason("steered").finish, Finish::pause);
  EXPECT_EQ(reason("new").finish, Finish::other);
  EXPECT_EQ(reason("steered").finish_raw, "steered");
  EXPECT_EQ(reason("steered").usage_state, UsageState::final);
  const Record failed = ended(
      "response.failed", R"("status":"failed","error":{"code":"server_error","message":"secret"})");
  EXPECT_EQ(failed.outcome, Outcome::error);
  EXPECT_EQ(failed.finish, Finish::error);
  EXPECT_EQ(failed.error, (CallError{"server_error", "server_error"}));
  EXPECT_EQ(failed.usage_state, UsageState::final);
}

TEST(OpenAiResponsesReader, AnUnendedEventIsFlaggedThoughNothingIsTakenFromIt) {
  const std::string delta = "event: response.output_text.delta\ndata: {\"delta\":\"x";
  EXPECT_EQ(read(kStream + delta).flags, Flags{"unterminated_event"});
  EXPECT_EQ(read(kStream + "event: response.output_text.delta\n").flags, Flags{});
}

// wire-formats section 1.5 knows no event that may be broken in silence, whatever its name says.
TEST(OpenAiResponsesReader, ABrokenEventOfTextIsFlaggedAndTheRestCounts) {
  const std::string name = "event: response.output_text.delta\n";
  for (const std::string bad : {R"({"delta":"x)", R"({"delta":"x"}})", "42", R"("delta")", "[]"}) {
    const std::string event = name + "data: " + bad + "\n\n";
    // First, last, between two whole ones that are alike, and without its name.
    const std::string good =
        name + "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n";
    for (const std::string& body : {event + kStream, kStream + event, good + event + good + kStream,
                                    "data: " + bad + "\n\n" + kStream}) {
      Record record = read(body);
      EXPECT_EQ(record.flags, Flags{"bad_event"}) << body;
      record.flags.clear();
      expect_reference(record);
    }
  }
}

TEST(OpenAiResponsesReader, NamesToolsOnceFromItemsAndOutput) {
  const Record record = read(
      event("response.output_item.added",
            R"("item":{"type":"function_call","name":"shell","arguments":"{\"name\":\"no\"}"})") +
      event("response.output_item.done", R"("item":{"type":"function_call","name":"shell"})") +
      event("response.output_item.added", R"("item":{"type":"message","name":"no"})") +
      event(
          "response.completed",
          R"("response":{"status":"completed","output":[{"type":"custom_tool_call","name":"patch"},{"name":"shell","type":"function_call"}]})"));
  EXPECT_EQ(record.tool_calls, (std::vector<std::string>{"shell", "patch"}));
  EXPECT_EQ(record.finish, Finish::tool_use);
  EXPECT_EQ(record.usage_state, UsageState::none);
}

TEST(OpenAiResponsesReader, ErrorsInAllTheirShapes) {
  EXPECT_EQ(
      read(event("error", R"("code":"rate_limit_exceeded","message":"m","param":null)")).error,
      (CallError{"rate_limit_exceeded", "rate_limit_exceeded"}));
  EXPECT_EQ(
      read(event("error", R"("status":400,"error":{"type":"invalid_request_error","code":"x"})"))
          .error,
      (CallError{"invalid_request_error", "x"}));
  EXPECT_EQ(read(R"({"error":{"message":"m","type":"insufficient_quota","code":null}})",
                 "application/json")
                .error,
            (CallError{"insufficient_quota", ""}));
  EXPECT_EQ(read("{\"error\":{\"type\":\"t\"}}\n\n").error, (CallError{"t", ""}));
  EXPECT_EQ(read("<html>", "text/html").flags, Flags{"bad_json"});
}

TEST(OpenAiResponsesReader, AnEventWithoutATypeIsWhatItsNameSays) {
  expect_reference(read("event: response.completed\ndata: {\"response\":" + kResponse + "}\n\n"));
  EXPECT_EQ(read("event: error\ndata: {\"code\":\"x\",\"message\":\"m\"}\n\n").error,
            (CallError{"x", "x"}));
}

TEST(OpenAiResponsesReader, ToolsThatOpenAiRunsAreCountedOncePerItem) {
  const std::string item = R"({"type":"web_search_call","id":"ws_1"})";
  const Record record = read(
      event("response.output_item.added", R"("output_index":0,"item":)" + item) +
      event("response.output_item.done", R"("output_index":0,"item":)" + item) +
      event("response.output_item.done",
            R"("output_index":1,"item":{"type":"code_interpreter_call","id":"ci_1"})") +
      event(
          "response.completed",
          R"("response":{"status":"completed","output":[)" + item +
              R"(,{"type":"web_search_call","id":"ws_2"},{"type":"function_call","name":"f"}]})"));
  EXPECT_EQ(record.server_tools,
            (std::map<std::string, std::uint64_t>{{"web_search", 2}, {"code_interpreter", 1}}));
  EXPECT_EQ(record.tool_calls, std::vector<std::string>{"f"});
}

TEST(OpenAiResponsesReader, QueuedIsNotOverAndCompactionIs) {
  const Record queued = read(R"({"id":"r","status":"queued","usage":null})", "application/json");
  EXPECT_EQ(queued.outcome, Outcome::partial);
  EXPECT_FALSE(queued.usage);
  EXPECT_FALSE(queued.finish);
  const Record compact =
      read(R"({"object":"response.compaction","id":"c","output":[],)" + kUsage + "}",
           "application/json");
  EXPECT_EQ(compact.outcome, Outcome::ok);
  EXPECT_EQ(compact.usage_state, UsageState::final);
  EXPECT_FALSE(compact.model);
}

TEST(OpenAiResponsesReader, BadNumbersAndMismatchesAreFlagged) {
  const auto flags = [](const std::string& usage) {
    return read(R"({"status":"completed","usage":{)" + usage + "}}", "application/json").flags;
  };
  EXPECT_EQ(flags(R"("input_tokens":-1)"), Flags{"bad_number"});
  EXPECT_EQ(flags(R"("input_tokens":true)"), Flags{"bad_number"});
  EXPECT_EQ(flags(R"("input_tokens":{})"), Flags{"bad_number"});
  EXPECT_EQ(flags(R"("input_tokens":null)"), Flags());
  EXPECT_EQ(flags(R"("input_tokens":"12","output_tokens":1e1)"), Flags());
  EXPECT_EQ(flags(R"("input_tokens":1,"total_tokens":5)"), Flags{"total_mismatch"});
  EXPECT_EQ(flags(R"("input_tokens":1,"input_tokens_details":{"cached_tokens":5})"),
            Flags{"partition_mismatch"});
  EXPECT_EQ(flags(R"("output_tokens":1,"output_tokens_details":{"reasoning_tokens":5})"),
            Flags{"partition_mismatch"});
}

TEST(OpenAiResponsesReader, NoiseChangesNothing) {
  const std::string noise =
      ": ping\n\ndata: : keepalive\n\nevent: response.new.kind\ndata: {\"usage\":{}}\n\n"
      "data: {\"type\":\"unknown\",\"usage\":{\"input_tokens\":1}}\n\ndata: [DONE]\n\n";
  expect_reference(read(noise + kStream + noise));
  EXPECT_EQ(read("data: \"text\"\n\n" + kStream).flags, Flags{"bad_event"});
}

}  // namespace
}  // namespace agp::usage
