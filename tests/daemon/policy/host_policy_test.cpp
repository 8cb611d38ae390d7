#include "daemon/policy/host_policy.h"

#include <gtest/gtest.h>

namespace agp::policy {
namespace {

Rule rule(std::string_view match, Action action) {
  return {*config::HostPattern::parse(match), action};
}

TEST(HostPolicy, UnknownHostsGetTheFallback) {
  EXPECT_EQ(HostPolicy().action_for("accounts.google.com"), Action::tunnel);
  EXPECT_EQ(HostPolicy({}, Action::block).action_for("accounts.google.com"), Action::block);
}

TEST(HostPolicy, ANameInAnyCaseAndWithATrailingDotIsTheSame) {
  const HostPolicy policy({rule("api.openai.com", Action::inspect)});
  EXPECT_EQ(policy.action_for("API.OpenAI.com."), Action::inspect);
}

TEST(HostPolicy, WithoutAUsableNameTheFallbackApplies) {
  const HostPolicy policy({rule("autopush-*", Action::inspect), rule("*.com", Action::inspect)});
  for (const auto name : {std::optional<std::string_view>(), std::optional<std::string_view>(""),
                          std::optional<std::string_view>("192.0.2.1"),
                          std::optional<std::string_view>("2001:db8::1"),
                          std::optional<std::string_view>("a b.com")}) {
    EXPECT_EQ(policy.action_for(name), Action::tunnel) << name.value_or("(none)");
  }
}

TEST(HostPolicy, AnExactNameBeatsAnyPatternInAnyOrder) {
  const auto exact = rule("a.googleapis.com", Action::block);
  const auto pattern = rule("*.googleapis.com", Action::inspect);
  EXPECT_EQ(HostPolicy({exact, pattern}).action_for("a.googleapis.com"), Action::block);
  EXPECT_EQ(HostPolicy({pattern, exact}).action_for("a.googleapis.com"), Action::block);
  EXPECT_EQ(HostPolicy({pattern, exact}).action_for("b.googleapis.com"), Action::inspect);
}

TEST(HostPolicy, ThePatternWithMoreLiteralCharactersWins) {
  const auto narrow = rule("*-aiplatform.googleapis.com", Action::inspect);
  const auto wide = rule("*.googleapis.com", Action::block);
  for (const auto& policy : {HostPolicy({narrow, wide}), HostPolicy({wide, narrow})}) {
    EXPECT_EQ(policy.action_for("us-aiplatform.googleapis.com"), Action::inspect);
    EXPECT_EQ(policy.action_for("oauth2.googleapis.com"), Action::block);
  }
}

TEST(HostPolicy, TheLaterOfEquallySpecificRulesWins) {
  const HostPolicy policy(
      {rule("api.openai.com", Action::inspect), rule("api.openai.com", Action::tunnel)});
  EXPECT_EQ(policy.action_for("api.openai.com"), Action::tunnel);
}

TEST(HostPolicy, ListsWhatItInspects) {
  const HostPolicy policy({rule("a.example", Action::inspect), rule("b.example", Action::block)});
  const auto inspected = policy.inspected();
  ASSERT_EQ(inspected.size(), 1U);
  EXPECT_EQ(inspected[0].text(), "a.example");
}

TEST(HostPolicyDeathTest, CannotInspectByDefault) {
  EXPECT_DEATH(HostPolicy({}, Action::inspect), "fallback");
}

}  // namespace
}  // namespace agp::policy
