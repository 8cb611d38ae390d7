#include "daemon/api/openai/message_reader.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

using Dialect = MessageReader::Dialect;

std::vector<Message> accepted(Dialect dialect, std::string_view json) {
  MessageReader reader(dialect, {});
  const auto refusal = reader.read(boost::json::parse(json));
  EXPECT_FALSE(refusal) << json << ": " << (refusal ? refusal->message : "");
  return reader.take();
}

ApiError refused(Dialect dialect, std::string_view json, const RequestLimits& limits = {}) {
  MessageReader reader(dialect, limits);
  const auto refusal = reader.read(boost::json::parse(json));
  EXPECT_TRUE(refusal) << json;
  return refusal.value_or(ApiError{});
}

TEST(MessageReader, TakesAllRolesAndParts) {
  EXPECT_EQ(accepted(Dialect::responses, R"([
      {"role":"developer","content":"d"},
      {"type":"message","role":"system","content":[{"type":"input_text","text":"s"}]},
      {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
      {"role":"assistant","content":"x"},
      {"role":"user","content":"\u20ac"}])"),
            (std::vector<Message>{{Role::developer, "d"},
                                  {Role::system, "s"},
                                  {Role::user, "a\nb"},
                                  {Role::assistant, "x"},
                                  {Role::user, "\xE2\x82\xAC"}}));
  EXPECT_EQ(accepted(Dialect::chat, R"([
      {"role":"user","content":[{"type":"text","text":"a"}]},
      {"role":"assistant","content":"x","refusal":null,"annotations":[],"tool_calls":[]},
      {"role":"user","content":"b","name":"n"}])"),
            (std::vector<Message>{{Role::user, "a"}, {Role::assistant, "x"}, {Role::user, "b"}}));
}

// As clients do it: input = [..., ...response.output, the next message].
TEST(MessageReader, TakesTheOutputOfAnEarlierAnswer) {
  EXPECT_EQ(accepted(Dialect::responses, R"([
      {"role":"user","content":"a"},
      {"id":"rs_1_0","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
      {"id":"msg_1","type":"message","status":"completed","role":"assistant",
       "content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"x"}]},
      {"role":"user","content":"b"}])"),
            (std::vector<Message>{{Role::user, "a"}, {Role::assistant, "x"}, {Role::user, "b"}}));
}

TEST(MessageReader, NamesTheItemAtFault) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([1])", "input[0]"},
      {R"([{"content":"x"}])", "input[0].role"},
      {R"([{"role":"tool","content":"x"}])", "input[0].role"},
      {R"([{"role":"user"}])", "input[0].content"},
      {R"([{"role":"user","content":1}])", "input[0].content"},
      {R"([{"role":"user","content":"a"},{"type":"function_call_output"}])", "input[1].type"},
      {R"([{"role":"user","content":[{"type":"input_image"}]}])", "input[0].content[0]"},
      {R"([{"role":"user","content":[{"type":"output_text","text":"x"}]}])", "input[0].content[0]"},
      {R"([{"role":"user","content":[{"type":"input_text"}]}])", "input[0].content[0].text"},
      {R"([])", "input"},
      {R"("")", "input"},
      {R"(null)", "input"},
      {R"([{"role":"user","content":""}])", "input"},
      {R"([{"role":"system","content":"x"}])", "input"},
      {R"([{"role":"user","content":"a"},{"role":"assistant","content":"x"}])", "input"},
  };
  for (const auto& [json, param] : cases) {
    EXPECT_EQ(refused(Dialect::responses, json).param, param) << json;
  }
  EXPECT_EQ(refused(Dialect::chat, R"("Hi")").param, "messages");
  EXPECT_EQ(refused(Dialect::chat, R"([{"role":"user","content":"a"},
                                       {"role":"assistant","content":null,"tool_calls":[{}]}])")
                .param,
            "messages[1].tool_calls");
}

TEST(MessageReader, HasLimits) {
  constexpr const char* kTwo =
      R"([{"role":"user","content":"1234"},{"role":"user","content":[{"type":"text","text":"1"},
          {"type":"text","text":"2"}]}])";
  EXPECT_EQ(refused(Dialect::chat, kTwo, {.messages = 1}).code, "array_above_max_length");
  EXPECT_EQ(refused(Dialect::chat, kTwo, {.parts = 2}).code, "array_above_max_length");
  EXPECT_EQ(refused(Dialect::chat, kTwo, {.text_bytes = 5}).code, "string_above_max_length");
}

}  // namespace
}  // namespace agp::api::openai
