#include "daemon/usage/call.h"

#include "tests/daemon/coding/support.h"

namespace agp::usage {
namespace {

using Flags = std::set<std::string>;

Record finish(Wire wire,
              std::uint16_t status,
              const std::string& body,
              const std::string& coding = "",
              const std::string& url_model = "") {
  Call call(Endpoint{Provider::google, Api::code_assist, wire, false, url_model}, CallFacts{});
  call.on_request_body(as_bytes(R"({"model":"gemini-3-flash"})"));
  call.on_request_end();
  ResponseFacts facts;
  facts.http_status = status;
  facts.content_encoding = coding;
  call.on_response_head(facts);
  call.on_response_body(as_bytes(body).first(body.size() / 2), {});
  call.on_response_body(as_bytes(body).subspan(body.size() / 2), {});
  Call::End end;
  end.body_complete = true;
  return call.finish(end);
}

TEST(Call, AWholeJsonBodyIsFinal) {
  const Record record = finish(Wire::google, 200, R"({"usageMetadata":{"promptTokenCount":3}})");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.flags, Flags());
}

TEST(Call, MissingUsageIsUnknownNotZero) {
  const Record record = finish(Wire::google, 200, "{}");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_FALSE(record.usage);
  EXPECT_EQ(record.flags, Flags{"usage_missing"});
}

TEST(Call, AnEmptyAnswerIsPartial) {
  EXPECT_EQ(finish(Wire::google, 200, "").outcome, Outcome::partial);
}

TEST(Call, AnHttpErrorWithoutJsonIsAnHttpError) {
  const Record record = finish(Wire::google, 503, "<html>");
  EXPECT_EQ(record.outcome, Outcome::error);
  EXPECT_EQ(record.error, (CallError{"http_error", "503"}));
}

TEST(Call, EveryWireHasAReader) {
  for (const auto& [wire, body] : std::initializer_list<std::pair<Wire, std::string>>{
           {Wire::google, R"({"usageMetadata":{"promptTokenCount":3}})"},
           {Wire::interactions, R"({"status":"completed","usage":{"total_input_tokens":3}})"},
           {Wire::anthropic, R"({"stop_reason":"end_turn","usage":{"input_tokens":3}})"},
           {Wire::openai_chat, R"({"choices":[],"usage":{"prompt_tokens":3}})"},
           {Wire::openai_completions, R"({"choices":[],"usage":{"prompt_tokens":3}})"},
           {Wire::openai_responses, R"({"status":"completed","usage":{"input_tokens":3}})"}}) {
    const Record record = finish(wire, 200, body);
    ASSERT_TRUE(record.usage) << body;
    EXPECT_EQ(record.usage->input_total, 3u) << body;
    EXPECT_EQ(record.model, "gemini-3-flash");
    EXPECT_EQ(record.flags, Flags()) << body;
  }
}

const std::string kAnswer =
    R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],)"
    R"("usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7}})";
const std::string kEvent = "data: " + kAnswer + "\r\n\r\n";

struct Coded {
  std::string coding;
  std::string (*pack)(const std::string& text);
};
const Coded kCodings[] = {
    {"gzip",
     [](const std::string& text) {
       return coding::pack(text, coding::kGzip);
     }},
    {"deflate",
     [](const std::string& text) {
       return coding::pack(text, coding::kZlib);
     }},
    {"br",
     [](const std::string& text) {
       return coding::pack_br(text);
     }},
    {"zstd",
     [](const std::string& text) {
       return coding::pack_zstd(text);
     }},
    {"gzip, br",
     [](const std::string& text) {
       return coding::pack_br(coding::pack(text, coding::kGzip));
     }},
};

TEST(Call, EveryCodingGivesTheUsageOfAJsonAnswerAndOfAStream) {
  for (const Coded& c : kCodings) {
    for (const std::string& body : {kAnswer, kEvent}) {
      const Record record = finish(Wire::google, 200, c.pack(body), c.coding);
      ASSERT_TRUE(record.usage) << c.coding;
      EXPECT_EQ(record.usage->total, 7u);
      EXPECT_EQ(record.usage_state, UsageState::final);
      EXPECT_EQ(record.flags, Flags()) << c.coding;
    }
  }
}

TEST(Call, WhatCannotBeDecodedIsUnknownAndNeverZero) {
  for (const std::string& body : {kAnswer, kEvent}) {
    for (const Coded& c : kCodings) {
      std::string wire = c.pack(body);
      wire.replace(0, 2, "\xFF\xFF");
      const Record record = finish(Wire::google, 200, wire, c.coding);
      EXPECT_FALSE(record.usage) << c.coding;
      EXPECT_EQ(record.usage_state, UsageState::none);
      EXPECT_TRUE(record.flags.contains("decode_error")) << c.coding;
    }
    for (const char* coding : {"compress", "xz", "br, xz", "new"}) {
      const Record record = finish(Wire::google, 200, body, coding);
      EXPECT_EQ(record.outcome, Outcome::ok) << coding;
      EXPECT_FALSE(record.usage) << coding;
      EXPECT_TRUE(record.flags.contains("decode_error")) << coding;
    }
  }
}

TEST(Call, ACutCodingKeepsWhatCameOutAndSaysSo) {
  for (const Coded& c : kCodings) {
    const std::string wire = c.pack(kEvent);
    const Record record = finish(Wire::google, 200, wire.substr(0, wire.size() - 1), c.coding);
    EXPECT_EQ(record.flags.contains("truncated_body"), true) << c.coding;
  }
}

TEST(Call, TheModelOfTheUrlBeatsTheOneOfTheRequest) {
  const Record record = finish(Wire::google, 200, "{}", "", "models/a");
  EXPECT_EQ(record.model, "a");
  EXPECT_EQ(record.model_source, ModelSource::url);
  EXPECT_EQ(record.request_model, "a");
}

TEST(Call, TheModelThatWasAskedForStandsBesideTheOneThatAnswered) {
  const Record record =
      finish(Wire::google, 200, R"({"modelVersion":"a-001","candidates":[]})", "", "models/a");
  EXPECT_EQ(record.model, "a-001");
  EXPECT_EQ(record.model_source, ModelSource::response);
  EXPECT_EQ(record.request_model, "a");
  EXPECT_EQ(finish(Wire::google, 200, R"({"modelVersion":"a-001"})").request_model,
            "gemini-3-flash");
}

}  // namespace
}  // namespace agp::usage
