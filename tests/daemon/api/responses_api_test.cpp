#include "daemon/api/responses_api.h"

#include "tests/daemon/api/fake_ledger.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

TurnRequest accepted(std::string_view body) {
  auto parsed = parse_turn(body);
  const auto* request = std::get_if<TurnRequest>(&parsed);
  EXPECT_NE(request, nullptr) << body;
  return request == nullptr ? TurnRequest{} : *request;
}

ApiError refused(std::string_view body) {
  auto parsed = parse_turn(body);
  const auto* refusal = std::get_if<ApiError>(&parsed);
  EXPECT_NE(refusal, nullptr) << body;
  return refusal == nullptr ? ApiError{} : *refusal;
}

TEST(ParseTurn, TakesAStringAndInstructions) {
  const auto request = accepted(R"({"model":"m","input":"Hi","instructions":"Be brief."})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.input, "Hi");
  EXPECT_EQ(request.instructions, "Be brief.");
}

TEST(ParseTurn, TakesOneMessageWithTextParts) {
  EXPECT_EQ(accepted(R"({"model":"m","input":[{"role":"user","content":"Hi"}]})").input, "Hi");
  EXPECT_EQ(accepted(R"({"model":"m","input":[{"type":"message","role":"user","content":[
                {"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}]})")
                .input,
            "a\nb");
}

TEST(ParseTurn, AcceptsParametersThatAskForWhatHappensAnyway) {
  EXPECT_EQ(accepted(R"({"model":"m","input":"Hi","stream":false,"tools":[],"temperature":null,
                         "instructions":null,"store":false})")
                .input,
            "Hi");
}

TEST(ParseTurn, RefusesUnsupportedParametersByName) {
  for (const char* name : {"stream", "temperature", "tools", "previous_response_id"}) {
    const auto refusal =
        refused(std::string(R"({"model":"m","input":"Hi",")") + name + R"(":true})");
    EXPECT_EQ(refusal.status, 400U);
    EXPECT_EQ(refusal.code, "unsupported_parameter");
    EXPECT_EQ(refusal.param, name);
  }
}

TEST(ParseTurn, RefusesWhatIsMissingOrWrong) {
  EXPECT_EQ(refused("").code, "invalid_body");
  EXPECT_EQ(refused("[]").code, "invalid_body");
  EXPECT_EQ(refused(R"({"input":"Hi"})").param, "model");
  EXPECT_EQ(refused(R"({"model":1,"input":"Hi"})").param, "model");
  EXPECT_EQ(refused(R"({"model":"m"})").param, "input");
  for (const char* input : {R"("")", "null", "[]", "[1]", R"([{"role":"assistant","content":"x"}])",
                            R"([{"role":"user","content":[{"type":"input_image"}]}])",
                            R"([{"role":"user","content":"a"},{"role":"user","content":"b"}])"}) {
    EXPECT_EQ(refused(std::string(R"({"model":"m","input":)") + input + "}").param, "input")
        << input;
  }
  EXPECT_EQ(refused(std::string(100'000, '[')).code, "invalid_body");
}

boost::json::value rendered(std::optional<ledger::Sums> usage) {
  const TurnResult result{"resp_1", "Hello.", "gemini-3-flash", "c-1", std::move(usage)};
  const auto response =
      render_turn(result, {"m", "Hi", ""}, usage::Micros(std::chrono::seconds(1'795'320'000)));
  EXPECT_EQ(response.status, 200U);
  return boost::json::parse(response.body);
}

TEST(RenderTurn, IsAResponseObject) {
  const auto document = rendered(test::some_sums());
  EXPECT_EQ(document.at("object").as_string(), "response");
  EXPECT_EQ(document.at("status").as_string(), "completed");
  EXPECT_EQ(document.at("created_at").as_int64(), 1'795'320'000);
  EXPECT_EQ(document.at("output").at(0).at("content").at(0).at("text").as_string(), "Hello.");
  EXPECT_EQ(document.at("usage").at("input_tokens"), 100);
  EXPECT_EQ(document.at("usage").at("input_tokens_details").at("cached_tokens"), 40);
  EXPECT_EQ(document.at("usage").at("output_tokens"), 23);
  EXPECT_EQ(document.at("usage").at("output_tokens_details").at("reasoning_tokens"), 3);
  EXPECT_EQ(document.at("usage").at("total_tokens"), 123);
}

TEST(RenderTurn, UnknownUsageIsNullAndNotZero) {
  EXPECT_TRUE(rendered(std::nullopt).at("usage").is_null());
  ledger::Sums unknown;
  unknown.calls = 1;
  unknown.usage_unknown = 1;
  EXPECT_TRUE(rendered(unknown).at("usage").is_null());
  auto silent = test::some_sums();
  silent.reasoning_unknown = 1;
  EXPECT_TRUE(
      rendered(silent).at("usage").at("output_tokens_details").at("reasoning_tokens").is_null());
}

}  // namespace
}  // namespace agp::api
