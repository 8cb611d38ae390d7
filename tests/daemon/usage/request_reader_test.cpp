#include "daemon/usage/request_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

TEST(RequestReader, ReadsTheAgentForm) {
  const CallKeys keys = parse_request_id("agent/11111111-2222/1795000000000/33333333-4444/7");
  EXPECT_EQ(keys, (CallKeys{RequestKind::agent, "11111111-2222", "33333333-4444", 7}));
}

TEST(RequestReader, IsLenientAboutOtherForms) {
  EXPECT_EQ(parse_request_id("checkpoint/1234"), (CallKeys{RequestKind::checkpoint, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("tab/1234"), (CallKeys{RequestKind::tab, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent-1234"), (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent/1795000000000/0badf00d"),
            (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent/11111111-2222/1/33333333-4444/x"),
            (CallKeys{RequestKind::agent, "11111111-2222", "33333333-4444", {}}));
  EXPECT_EQ(parse_request_id("agent/a b/1/c/2/3"), (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id(""), CallKeys());
}

TEST(RequestReader, TakesKeysFromTheirPlacesOnlyForAnySplit) {
  const std::string body =
      R"({"request":{"model":"no","contents":[{"labels":{"trajectory_id":"deadbeef0"},"model":"no"}],)"
      R"("labels":{"last_step_index":"6","trajectory_id":"33333333-4444","x":{"trajectory_id":"deadbeef1"}}},)"
      R"("requestType":"checkpoint","model":"models/gemini-3-flash","requestId":"checkpoint/1"})";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    RequestReader reader;
    reader.feed(as_bytes(body.substr(0, cut)));
    reader.feed(as_bytes(body.substr(cut)));
    ASSERT_EQ(reader.model(), "gemini-3-flash") << cut;
    ASSERT_EQ(reader.request_id(), "checkpoint/1");
    ASSERT_EQ(reader.keys(), (CallKeys{RequestKind::checkpoint, {}, "33333333-4444", 7}));
  }
}

const std::string kConversation = "0a1b2c3d-1111-4222-8333-444455556666";
const std::string kOther = "ffffffff-1111-4222-8333-444455556666";

CallKeys read(const std::string& body, std::size_t cut = 0) {
  RequestReader reader;
  reader.feed(as_bytes(body.substr(0, cut)));
  reader.feed(as_bytes(body.substr(cut)));
  return reader.keys();
}

TEST(RequestReader, ReadsTheSystemPromptInPassingForAnySplit) {
  const std::string body =
      R"({"project":"p","request":{"contents":[{"role":"user","parts":[{"text":)"
      R"("Conversation ID: )" +
      kOther + R"(\n/brain/)" + kOther +
      R"("}]}],)"
      R"("systemInstruction":{"role":"user","parts":[{"text":"\u201cHi\u201d\n\ud83d\ude00 Conversation ID: )" +
      kConversation + R"(\n\\"},{"x":{"text":"at \/home\/u\/brain\/)" + kConversation +
      R"(\/plan.md \ud83d"}}]},"sessionId":"-3750763034362895579",)"
      R"("labels":{"request_id":")" +
      kConversation +
      R"(-12","last_execution_id":"e"},)"
      R"("x":{"text":"Conversation ID: )" +
      kOther + R"("}},"model":"m"})";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    const CallKeys keys = read(body, cut);
    ASSERT_EQ(keys.hints.conversation_id, kConversation) << cut;
    ASSERT_EQ(keys.hints.brain_id, kConversation) << cut;
    ASSERT_EQ(keys.hints.session_id, "-3750763034362895579") << cut;
    ASSERT_EQ(keys.trajectory_id, kConversation) << cut;
    ASSERT_EQ(keys.step_index, 12U) << cut;
    ASSERT_FALSE(keys.cascade_id) << cut;
  }
}

TEST(RequestReader, TakesASystemPromptThatIsAPlainText) {
  EXPECT_EQ(read(R"({"request":{"systemInstruction":"Conversation ID: )" + kConversation +
                 R"(","sessionId":-5}})")
                .hints,
            (RequestHints{kConversation, {}, "-5"}));
}

TEST(RequestReader, TakesNoIdFromOtherPlaces) {
  const std::string line = "Conversation ID: " + kConversation;
  for (const std::string& body :
       {R"({"systemInstruction":")" + line + R"("})",
        R"({"request":{"contents":[{"systemInstruction":{"text":")" + line + R"("}}]}})",
        R"({"request":{"systemInstruction":{"role":")" + line + R"("}}})",
        R"({"request":{"systemInstruction":null,"text":")" + line + R"("}})",
        R"({"request":{"systemInstruction":[],"tools":[{"text":")" + line + R"("}]}})"}) {
    EXPECT_EQ(read(body).hints, RequestHints()) << body;
  }
}

TEST(RequestReader, HoldsNothingOfALongSystemPrompt) {
  std::string body = R"({"request":{"systemInstruction":{"parts":[{"text":")";
  for (int i = 0; i < 100'000; ++i) {
    body += R"(C/brain/0a1b2c3d-\nConversation ID)";
  }
  body += "Conversation ID: " + kConversation + R"("}]}}})";
  EXPECT_EQ(read(body).hints.conversation_id, kConversation);
}

TEST(RequestReader, ALabelThatIsNoTrajectoryAndStepIsIgnored) {
  for (const char* label : {"0a1b2c3d-12", "no", "", "0a1b2c3d-1111-4222-8333-444455556666-x"}) {
    const auto keys =
        read(R"({"request":{"labels":{"request_id":")" + std::string(label) + R"("}}})");
    EXPECT_FALSE(keys.trajectory_id) << label;
    EXPECT_FALSE(keys.step_index) << label;
  }
}

TEST(Apply, TheRequestIdCountsByItsFormAndAPromptOnlyOnceItIsKnown) {
  Record record;
  CallKeys keys;
  keys.kind = RequestKind::agent;
  keys.cascade_id = "c";
  keys.hints.conversation_id = "other";
  apply(keys, &record);
  EXPECT_EQ(record.cascade_id, "c");
  EXPECT_EQ(record.cascade_source, CascadeSource::exact);
  EXPECT_EQ(record.cascade_evidence, "request_id");
  EXPECT_EQ(record.hints.conversation_id, "other");

  Record named;
  keys.cascade_id.reset();
  keys.hints.brain_id = "brain";
  apply(keys, &named);
  EXPECT_EQ(named.cascade_id, "other");
  EXPECT_EQ(named.cascade_source, CascadeSource::inferred);
  EXPECT_EQ(named.cascade_evidence, "conversation_id");
  keys.hints.conversation_id.reset();
  apply(keys, &named);
  EXPECT_EQ(named.cascade_evidence, "brain_path");

  Record nothing;
  apply({}, &nothing);
  EXPECT_EQ(nothing, Record());
}

}  // namespace
}  // namespace agp::usage
