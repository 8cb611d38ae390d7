#include "daemon/rewrite/body_edit.h"

#include "daemon/rewrite/limits.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace agp::rewrite {
namespace {

using System = BodyEdits::System;

BodyEdits adding(std::string text = "NEW") {
  return {System::add, std::move(text), {}};
}
BodyEdits replacing(std::string text = "NEW") {
  return {System::replace, std::move(text), {}};
}
BodyEdits mapping() {
  return {System::keep, "", {{"gemini-pro", "gemini-flash"}, {"gpt-5", "gpt-5-mini"}}};
}

/// The edited body, or the code of the refusal.
std::string edited(const BodyEdits& edits,
                   Shape shape,
                   std::string_view body,
                   std::string_view coding = "") {
  const EditedBody result = edit_body(edits, shape, coding, as_bytes(body));
  return result.refusal ? "refused: " + result.refusal->code : result.body;
}

EditPlan plan(const BodyEdits& edits, std::string_view target, const Fields& fields = {}) {
  return plan_edit(&edits, "POST", target, fields);
}

std::string gzip(std::string_view text) {
  std::string out(text.size() + 100, '\0');
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

TEST(BodyEdit, AKeyInAnotherSpellingIsNoWayAround) {
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, R"({"model":"gpt-5","Model":"gpt-5"})"),
            "refused: unexpected_json");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, R"({"m\u006fdel":"gpt-5"})"),
            R"({"m\u006fdel":"gpt-5-mini"})");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, "\xef\xbb\xbf{\"model\":\"gpt-5\"}"),
            "refused: bad_json");
}

TEST(BodyEdit, AMethodInAFieldIsNoWayAround) {
  const BodyEdits edits = mapping();
  const Fields fields = {{"X-HTTP-Method-Override", "POST"}};
  EXPECT_TRUE(plan_edit(&edits, "GET", "/v1/responses", fields).applies);
  EXPECT_TRUE(plan_edit(&edits, "post", "/v1/responses", {}).applies);
  EXPECT_FALSE(plan_edit(&edits, "GET", "/v1/responses", {}).applies);
}

TEST(BodyEdit, AStarMapsEachModelThatNoOtherEntryNames) {
  const BodyEdits edits{System::keep, "", {{"*", "small"}, {"gpt-5", "gpt-5-mini"}}};
  EXPECT_EQ(edited(edits, Shape::openai_chat, R"({"model":"gpt-5"})"), R"({"model":"gpt-5-mini"})");
  EXPECT_EQ(edited(edits, Shape::openai_chat, R"({"model":"o9"})"), R"({"model":"small"})");
}

TEST(BodyEdit, CodeAssist) {
  const std::string body =
      R"({"project":"p","request":{"contents":[],"systemInstruction":{"role":"user","parts":[{"text":"OLD"}]}},"model":"gemini-pro"})";
  EXPECT_EQ(
      edited(adding(), Shape::code_assist, body),
      R"({"project":"p","request":{"contents":[],"systemInstruction":{"role":"user","parts":[{"text":"OLD"},{"text":"NEW"}]}},"model":"gemini-pro"})");
  EXPECT_EQ(
      edited(replacing(), Shape::code_assist, body),
      R"({"project":"p","request":{"contents":[],"systemInstruction":{"role":"user","parts":[{"text":"NEW"}]}},"model":"gemini-pro"})");
  EXPECT_EQ(
      edited(mapping(), Shape::code_assist, body),
      R"({"project":"p","request":{"contents":[],"systemInstruction":{"role":"user","parts":[{"text":"OLD"}]}},"model":"gemini-flash"})");
  EXPECT_EQ(edited(adding(), Shape::code_assist, R"({"request":{}})"),
            R"({"request":{"systemInstruction":{"role":"user","parts":[{"text":"NEW"}]}}})");
  EXPECT_EQ(edited(adding(), Shape::code_assist, R"({"model":"m"})"), "refused: unexpected_json");
}

TEST(BodyEdit, Gemini) {
  EXPECT_EQ(edited(adding(), Shape::gemini, R"({"system_instruction":{"parts":[]}})"),
            R"({"system_instruction":{"parts":[{"text":"NEW"}]}})");
  EXPECT_EQ(edited(adding(), Shape::gemini, R"({"systemInstruction":{}})"),
            R"({"systemInstruction":{"parts":[{"text":"NEW"}]}})");
  EXPECT_EQ(edited(adding(), Shape::gemini, R"({"systemInstruction":null,"a":1})"),
            R"({"systemInstruction":{"role":"user","parts":[{"text":"NEW"}]},"a":1})");
  EXPECT_EQ(edited(adding(), Shape::gemini, R"({"systemInstruction":{},"system_instruction":{}})"),
            "refused: unexpected_json");
  EXPECT_EQ(edited(adding(), Shape::gemini, R"({"systemInstruction":{"parts":"x"}})"),
            "refused: unexpected_json");
}

TEST(BodyEdit, Anthropic) {
  EXPECT_EQ(edited(adding(), Shape::anthropic, R"({"system":"OLD","model":"m"})"),
            R"({"system":"OLD\n\nNEW","model":"m"})");
  EXPECT_EQ(
      edited(adding(), Shape::anthropic,
             R"({"system":[{"type":"text","text":"OLD","cache_control":{}}]})"),
      R"({"system":[{"type":"text","text":"OLD","cache_control":{}},{"type":"text","text":"NEW"}]})");
  EXPECT_EQ(edited(replacing(), Shape::anthropic, R"({"system":[{"type":"text","text":"OLD"}]})"),
            R"({"system":"NEW"})");
  EXPECT_EQ(edited(replacing(), Shape::anthropic, R"({"system":"OLD"})"), R"({"system":"NEW"})");
  EXPECT_EQ(edited(adding(), Shape::anthropic, R"({})"), R"({"system":"NEW"})");
  EXPECT_EQ(edited(adding(), Shape::anthropic, R"({"system":7})"), "refused: unexpected_json");
}

TEST(BodyEdit, OpenAiChat) {
  EXPECT_EQ(
      edited(
          adding(), Shape::openai_chat,
          R"({"messages":[{"role":"developer","content":"OLD"},{"role":"user","content":"u"}]})"),
      R"({"messages":[{"role":"developer","content":"OLD"},{"role":"developer","content":"NEW"},{"role":"user","content":"u"}]})");
  EXPECT_EQ(edited(adding(), Shape::openai_chat, R"({"messages":[{"role":"user","content":"u"}]})"),
            R"({"messages":[{"role":"system","content":"NEW"},{"role":"user","content":"u"}]})");
  EXPECT_EQ(
      edited(
          replacing(), Shape::openai_chat,
          R"({"messages":[{"role":"system","content":"a"},{"role":"user","content":"u"},{"role":"system","content":"b"}]})"),
      R"({"messages":[{"role":"system","content":"NEW"},{"role":"user","content":"u"}]})");
  EXPECT_EQ(edited(adding(), Shape::openai_chat, R"({"messages":[]})"),
            R"({"messages":[{"role":"system","content":"NEW"}]})");
  EXPECT_EQ(edited(adding(), Shape::openai_chat, R"({"messages":[{"content":"u"}]})"),
            "refused: unexpected_json");
  EXPECT_EQ(edited(adding(), Shape::openai_chat, R"({})"), "refused: unexpected_json");
}

TEST(BodyEdit, OpenAiResponses) {
  EXPECT_EQ(edited(adding(), Shape::openai_responses, R"({"instructions":"OLD","input":"x"})"),
            R"({"instructions":"OLD\n\nNEW","input":"x"})");
  EXPECT_EQ(edited(replacing(), Shape::openai_responses, R"({"input":"x"})"),
            R"({"instructions":"NEW","input":"x"})");
  EXPECT_EQ(edited(adding(), Shape::openai_responses, R"({"instructions":null})"),
            R"({"instructions":"NEW"})");
  EXPECT_EQ(edited(mapping(), Shape::openai_responses, R"({"model":"gpt-5"})"),
            R"({"model":"gpt-5-mini"})");
  EXPECT_EQ(edited(adding(), Shape::openai_model, R"({"model":"gpt-5"})"),
            "refused: unexpected_json");
}

TEST(BodyEdit, EveryOtherOctetStays) {
  const std::string odd =
      " { \"a\" : 1.0e0 , \"big\":123456789012345678901234567890,\n\t\"dup\":1,\"dup\":2,"
      "\"esc\":\"\\u00e9\\/\",\"mo\\u0064el\" : \"gpt-5\" , \"z\":[ {} , [ ] ] } ";
  std::string expected = odd;
  expected.replace(expected.find("gpt-5"), 5, "gpt-5-mini");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, odd), expected);
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, R"({"model":"other"})"), R"({"model":"other"})");
}

TEST(BodyEdit, ARuleIsNeverSkippedBecauseOfTheBody) {
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, R"({"model":"a","model":"gpt-5"})"),
            "refused: unexpected_json");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, R"({"model":5})"), "refused: unexpected_json");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, "{}"), "refused: unexpected_json");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, "[]"), "refused: unexpected_json");
  for (const char* bad : {"", "{", R"({"model":"a"} x)", R"({"model":"a",})", "{'model':1}", "\xff",
                          R"({"model":"a"}{})"}) {
    EXPECT_EQ(edited(mapping(), Shape::openai_chat, bad), "refused: bad_json") << bad;
  }
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, std::string(1000, '[') + std::string(1000, ']')),
            "refused: bad_json");
}

TEST(BodyEdit, DecodesWhatItCan) {
  const std::string body = R"({"model":"gpt-5"})";
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, gzip(body), "gzip"), R"({"model":"gpt-5-mini"})");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, body, "x-own"), "refused: unknown_coding");
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, body, "gzip"), "refused: broken_coding");
  const std::string cut = gzip(body).substr(0, 20);
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, cut, "gzip"), "refused: broken_coding");
  const std::string bomb = gzip(std::string(kMaxEditedBody + 10, ' '));
  EXPECT_EQ(edited(mapping(), Shape::openai_chat, bomb, "gzip"), "refused: body_too_large");
}

TEST(BodyEdit, TheTextMayHoldAnything) {
  EXPECT_EQ(edited(replacing("a\"b\\\n\x01é"), Shape::anthropic, "{}"),
            "{\"system\":\"a\\\"b\\\\\\n\\u0001é\"}");
}

TEST(BodyEditPlan, KnowsTheCallsByTheirPaths) {
  const BodyEdits edits = replacing();
  EXPECT_EQ(plan(edits, "/v1internal:streamGenerateContent?alt=sse").shape, Shape::code_assist);
  EXPECT_EQ(plan(edits, "/v1beta/models/gemini-pro:generateContent").shape, Shape::gemini);
  EXPECT_EQ(
      plan(edits, "/v1/projects/p/locations/l/publishers/google/models/m:generateContent").shape,
      Shape::gemini);
  EXPECT_EQ(plan(edits, "/v1/messages?beta=true").shape, Shape::anthropic);
  EXPECT_EQ(plan(edits, "/v1/messages/").shape, Shape::anthropic);
  EXPECT_EQ(plan(edits, "/v1/mess%61ges").shape, Shape::anthropic);
  EXPECT_EQ(plan(edits, "/v1/chat/completions").shape, Shape::openai_chat);
  EXPECT_EQ(plan(edits, "/v1/responses").shape, Shape::openai_responses);
  EXPECT_FALSE(plan(edits, "/v1internal:loadCodeAssist").applies);
  EXPECT_FALSE(plan(edits, "/v1/models").applies);
  EXPECT_FALSE(plan_edit(&edits, "GET", "/v1/messages", {}).applies);
  EXPECT_FALSE(plan_edit(nullptr, "POST", "/v1/messages", {}).applies);
}

TEST(BodyEditPlan, MapsAModelThatThePathNames) {
  const EditPlan found = plan(mapping(), "/v1beta/models/gemini-pro:generateContent?key=k");
  EXPECT_TRUE(found.applies);
  EXPECT_FALSE(found.needs_body);
  EXPECT_EQ(found.target, "/v1beta/models/gemini-flash:generateContent?key=k");
  EXPECT_EQ(plan(mapping(), "/v1beta/models/gemini-pro%3AgenerateContent").target,
            "/v1beta/models/gemini-flash:generateContent");
  EXPECT_EQ(plan(mapping(), "/v1beta/models/other:generateContent").target,
            "/v1beta/models/other:generateContent");
}

TEST(BodyEditPlan, RefusesWhatWouldEvadeTheRule) {
  const auto refused = [](std::string_view target, const Fields& fields = {}) {
    const EditPlan found = plan(replacing(), target, fields);
    return found.refusal ? found.refusal->code : "none";
  };
  EXPECT_EQ(refused("/v1//messages"), "ambiguous_path");
  EXPECT_EQ(refused("/v1/./messages"), "ambiguous_path");
  EXPECT_EQ(refused("/v1%2fmessages"), "ambiguous_path");
  EXPECT_EQ(refused("/v1/messages;x"), "ambiguous_path");
  EXPECT_EQ(refused("/v1/messages%zz"), "ambiguous_path");
  EXPECT_EQ(refused("/v1/messages/batches"), "not_editable");
  EXPECT_EQ(refused("/v1beta/models/m:batchGenerateContent"), "not_editable");
  EXPECT_EQ(
      refused("/google.Service/StreamGenerateContent", {{"content-type", "application/grpc"}}),
      "not_editable");
  EXPECT_EQ(refused("/v1/messages", {{"Content-Type", "multipart/form-data; boundary=x"}}),
            "not_json");
  EXPECT_EQ(refused("/v1/messages", {{"Content-Type", "application/json; charset=utf-8"}}), "none");
}

}  // namespace
}  // namespace agp::rewrite
