#include "daemon/api/openai/conversation.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

TEST(ToPrompt, PutsInstructionsTogether) {
  const auto prompt = to_prompt(
      "Be brief.",
      {{Role::system, "Speak French."}, {Role::user, "Hi"}, {Role::developer, "Be kind."}});
  EXPECT_EQ(prompt.instructions, "Be brief.\n\nSpeak French.\n\nBe kind.");
  EXPECT_EQ(prompt.input, "Hi");
}

TEST(ToPrompt, TakesSeveralMessagesOfTheUserAsOne) {
  EXPECT_EQ(to_prompt("", {{Role::user, "a"}, {Role::user, "b"}}).input, "a\n\nb");
}

TEST(ToPrompt, TellsWhatWasSaidBefore) {
  const auto prompt =
      to_prompt("", {{Role::user, "2+2?"}, {Role::assistant, "4"}, {Role::user, "And 3+3?"}});
  EXPECT_EQ(prompt.instructions, "");
  EXPECT_EQ(prompt.input,
            "The conversation so far:\n\nUser:\n2+2?\n\nAssistant:\n4\n\nThe user now "
            "says:\n\nAnd 3+3?");
}

}  // namespace
}  // namespace agp::api::openai
