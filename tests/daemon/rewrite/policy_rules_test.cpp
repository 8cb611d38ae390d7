#include "daemon/rewrite/policy_rules.h"

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

std::shared_ptr<const policy::Policy> some_policy() {
  policy::HttpEntry entry;
  entry.match = *config::HostPattern::parse("api.example.com");
  policy::HttpRule rule;
  rule.path = *policy::PathPattern::parse("/admin/*");
  rule.is_allowed = false;
  rule.reason = "Not here.";
  rule.where = "policy.yaml:7";
  entry.rules.push_back(rule);
  entry.edits.headers = {
      {policy::HeaderEdit::Direction::request, policy::HeaderEdit::Op::set, "x-team", "a", "f:1"},
      {policy::HeaderEdit::Direction::response, policy::HeaderEdit::Op::remove, "server", "",
       "f:2"}};
  entry.edits.limit_accept_encoding = true;
  entry.edits.system_instruction = {policy::SystemInstruction::Mode::replace, "Be kind.", "f:3"};
  entry.edits.map_model = {{"a", "b", "f:4"}};
  policy::Parts parts;
  parts.http = {entry};
  return std::make_shared<const policy::Policy>(parts);
}

TEST(PolicyRules, SayWhatThePolicySays) {
  const PolicyRules rules(some_policy(), "api.example.com", {"gzip"});
  const Verdict blocked = rules.check("GET", "/admin/%78?q");
  EXPECT_FALSE(blocked.allowed);
  EXPECT_EQ(blocked.reason, "Not here.");
  EXPECT_EQ(blocked.where, "policy.yaml:7");
  EXPECT_TRUE(rules.check("GET", "/v1/a").allowed);
  ASSERT_EQ(rules.request_edits().size(), 1U);
  EXPECT_EQ(rules.request_edits()[0], (FieldEdit{FieldEdit::Action::set, "x-team", "a"}));
  ASSERT_EQ(rules.response_edits().size(), 1U);
  EXPECT_EQ(rules.response_edits()[0], (FieldEdit{FieldEdit::Action::remove, "server", ""}));
  ASSERT_EQ(rules.accept_encodings().size(), 1U);
  ASSERT_NE(rules.body_edits(), nullptr);
  EXPECT_EQ(rules.body_edits()->system, BodyEdits::System::replace);
  EXPECT_EQ(rules.body_edits()->models.size(), 1U);
  EXPECT_EQ(rules.body_edits()->where, "f:3");
}

TEST(PolicyRules, OtherHostsHaveNone) {
  const PolicyRules rules(some_policy(), "other.example.com");
  EXPECT_TRUE(rules.check("GET", "/admin/x").allowed);
  EXPECT_TRUE(rules.request_edits().empty());
  EXPECT_TRUE(rules.accept_encodings().empty());
  EXPECT_EQ(rules.body_edits(), nullptr);
}

}  // namespace
}  // namespace agp::rewrite
