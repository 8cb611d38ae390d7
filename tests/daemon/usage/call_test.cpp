#include "daemon/usage/call.h"

#include <gtest/gtest.h>

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
  call.on_response_body(as_bytes(body));
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

TEST(Call, AWireWithoutReaderSaysSo) {
  const Record record = finish(Wire::anthropic, 200, R"({"usage":{"input_tokens":3}})");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.usage_state, UsageState::none);
  EXPECT_TRUE(record.flags.contains("reader_missing"));
  EXPECT_EQ(record.model, "gemini-3-flash");
}

TEST(Call, AnUnknownCodingLeavesUsageUnknown) {
  const Record record = finish(Wire::google, 200, "xxxx", "br");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_FALSE(record.usage);
  EXPECT_TRUE(record.flags.contains("decode_error"));
}

TEST(Call, TheModelOfTheUrlBeatsTheOneOfTheRequest) {
  const Record record = finish(Wire::google, 200, "{}", "", "models/a");
  EXPECT_EQ(record.model, "a");
  EXPECT_EQ(record.model_source, ModelSource::url);
}

}  // namespace
}  // namespace agp::usage
