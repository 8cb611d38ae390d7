#include "daemon/usage/prompt_scan.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

const std::string kFirst = "0a1b2c3d-1111-4222-8333-444455556666";
const std::string kSecond = "0A1B2C3D-1111-4222-8333-44445555AAAA";

PromptScan scan(const std::string& text) {
  PromptScan made;
  made.feed(text);
  made.end_text();
  return made;
}

TEST(PromptScan, FindsBothKeysForAnySplit) {
  const std::string text =
      "<user_information>\nApp Data Directory: /home/x/.gemini\nConversation ID: " + kFirst +
      "\n</user_information> write to //brain/x/brain/" + kSecond +
      "/task.md, Conversation I, /brain/ and /brain";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    PromptScan made;
    made.feed(std::string_view(text).substr(0, cut));
    made.feed(std::string_view(text).substr(cut));
    made.end_text();
    ASSERT_EQ(made.conversation_id(), kFirst) << cut;
    ASSERT_EQ(made.brain_id(), kSecond) << cut;
  }
}

TEST(PromptScan, TakesAnIdAtTheEndOfATextButNotAcrossTexts) {
  EXPECT_EQ(scan("Conversation ID:" + kFirst).conversation_id(), kFirst);
  PromptScan made;
  made.feed("Conversation ID: " + kFirst.substr(0, 20));
  made.end_text();
  made.feed(kFirst.substr(20));
  made.end_text();
  EXPECT_FALSE(made.conversation_id());
}

TEST(PromptScan, TakesNothingButWholeUuids) {
  for (const std::string& id : {kFirst.substr(1), kFirst + "0", kFirst + "-x", std::string("none"),
                                std::string("0a1b2c3d-1111-4222-8333_444455556666"),
                                std::string(100'000, 'a'), "g" + kFirst.substr(1)}) {
    EXPECT_FALSE(scan("Conversation ID: " + id + "\n").conversation_id()) << id.substr(0, 50);
    EXPECT_FALSE(scan("/brain/" + id + "/").brain_id()) << id.substr(0, 50);
  }
  EXPECT_FALSE(scan("/brain/ " + kFirst).brain_id());
}

TEST(PromptScan, TheSameIdTwiceIsOneAndTwoIdsAreNone) {
  const std::string line = "Conversation ID: " + kFirst + "\n";
  EXPECT_EQ(scan(line + line).conversation_id(), kFirst);
  EXPECT_FALSE(scan(line + "Conversation ID: " + kSecond + "\n").conversation_id());
  EXPECT_FALSE(scan("/brain/" + kFirst + "/brain/" + kSecond).brain_id());
  EXPECT_FALSE(
      scan("/brain/" + kFirst + "/a /brain/" + kSecond + "/b /brain/" + kFirst).brain_id());
}

TEST(IsUuid, KnowsTheForm) {
  EXPECT_TRUE(is_uuid(kFirst));
  EXPECT_FALSE(is_uuid(""));
  EXPECT_FALSE(is_uuid(kFirst.substr(1) + "-"));
}

}  // namespace
}  // namespace agp::usage
