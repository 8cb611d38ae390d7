#include "daemon/policy/policy.h"

#include <gtest/gtest.h>

namespace agp::policy {
namespace {

using config::HostPattern;

HostRule rule(std::string_view match, Action action) {
  return {*HostPattern::parse(match), action, 0, std::string(match)};
}

Policy of_hosts(std::vector<HostRule> hosts, Action fallback = Action::tunnel) {
  Parts parts;
  parts.hosts = std::move(hosts);
  parts.fallback = parts.unnamed = fallback;
  return Policy(std::move(parts));
}

Action action_for(const Policy& policy, std::optional<std::string_view> host) {
  return policy.decide(host).action;
}

constexpr bool kAllow = true;
constexpr bool kBlock = false;

HttpRule http(std::vector<std::string> methods, std::string_view path, bool is_allowed) {
  return {std::move(methods), *PathPattern::parse(path), is_allowed, is_allowed ? "" : "not here",
          "policy.yaml:" + std::string(path)};
}

Policy of_rules(std::vector<HttpRule> rules) {
  Parts parts;
  parts.hosts.push_back(rule("api.example", Action::inspect));
  HttpEntry entry{*HostPattern::parse("api.example"), std::move(rules), {}, "policy.yaml:1"};
  parts.http.push_back(std::move(entry));
  return Policy(std::move(parts));
}

bool is_allowed(const Policy& policy, std::string_view method, std::string_view target) {
  return policy.check("api.example", method, target).allowed;
}

TEST(PolicyHosts, UnknownHostsGetTheFallback) {
  EXPECT_EQ(action_for(Policy(), "accounts.google.com"), Action::tunnel);
  EXPECT_EQ(action_for(of_hosts({}, Action::block), "accounts.google.com"), Action::block);
}

TEST(PolicyHosts, ANameInAnyCaseAndWithATrailingDotIsTheSame) {
  const auto policy = of_hosts({rule("api.openai.com", Action::inspect)});
  EXPECT_EQ(action_for(policy, "API.OpenAI.com."), Action::inspect);
}

TEST(PolicyHosts, WithoutAUsableNameTheRuleForUnnamedApplies) {
  Parts parts;
  parts.hosts = {rule("autopush-*", Action::inspect), rule("*.com", Action::inspect)};
  parts.unnamed = Action::block;
  parts.unnamed_where = "policy.yaml:2";
  const Policy policy(std::move(parts));
  for (const auto name : {std::optional<std::string_view>(), std::optional<std::string_view>(""),
                          std::optional<std::string_view>("192.0.2.1"),
                          std::optional<std::string_view>("2001:db8::1"),
                          std::optional<std::string_view>("a b.com")}) {
    EXPECT_EQ(policy.decide(name), (Decision{Action::block, false, 0, "policy.yaml:2"}))
        << name.value_or("(none)");
  }
  EXPECT_EQ(action_for(policy, "other.example"), Action::tunnel);
}

TEST(PolicyHosts, AnExactNameBeatsAnyPatternInAnyOrder) {
  const auto exact = rule("a.googleapis.com", Action::block);
  const auto pattern = rule("*.googleapis.com", Action::inspect);
  EXPECT_EQ(action_for(of_hosts({exact, pattern}), "a.googleapis.com"), Action::block);
  EXPECT_EQ(action_for(of_hosts({pattern, exact}), "a.googleapis.com"), Action::block);
  EXPECT_EQ(action_for(of_hosts({pattern, exact}), "b.googleapis.com"), Action::inspect);
}

TEST(PolicyHosts, ThePatternWithMoreLiteralCharactersWins) {
  const auto narrow = rule("*-aiplatform.googleapis.com", Action::inspect);
  const auto wide = rule("*.googleapis.com", Action::block);
  for (const auto& policy : {of_hosts({narrow, wide}), of_hosts({wide, narrow})}) {
    EXPECT_EQ(action_for(policy, "us-aiplatform.googleapis.com"), Action::inspect);
    EXPECT_EQ(action_for(policy, "oauth2.googleapis.com"), Action::block);
  }
}

TEST(PolicyHosts, TheLaterOfEquallySpecificRulesWins) {
  const auto policy =
      of_hosts({rule("api.openai.com", Action::inspect), rule("api.openai.com", Action::tunnel)});
  EXPECT_EQ(action_for(policy, "api.openai.com"), Action::tunnel);
}

TEST(PolicyHosts, SaysWhichRuleDecided) {
  auto refused = rule("api.openai.com", Action::inspect);
  refused.tunnel_after_refusals = 3;
  refused.where = "policy.yaml:7";
  const auto policy = of_hosts({refused});
  EXPECT_EQ(policy.decide("api.openai.com"),
            (Decision{Action::inspect, false, 3, "policy.yaml:7"}));
  EXPECT_EQ(policy.decide("other.example").where, kBuiltIn);
}

TEST(PolicyHosts, ListsWhatItInspects) {
  const auto policy =
      of_hosts({rule("a.example", Action::inspect), rule("b.example", Action::block)});
  const auto inspected = policy.inspected();
  ASSERT_EQ(inspected.size(), 1U);
  EXPECT_EQ(inspected[0].text(), "a.example");
}

TEST(PolicyHosts, KnowsWhichPatternsAreInspectedAsAWhole) {
  const auto policy =
      of_hosts({rule("*.corp.example", Action::inspect), rule("*-api.example.com", Action::inspect),
                rule("login.corp.example", Action::tunnel), rule("one.example", Action::inspect)});
  for (const auto* good : {"*.corp.example", "a.corp.example", "*.eu.corp.example", "one.example",
                           "*-x.corp.example", "*-api.example.com", "eu-*-api.example.com"}) {
    if (const auto pattern = HostPattern::parse(good)) {
      EXPECT_TRUE(policy.inspects_all_of(*pattern)) << good;
    }
  }
  for (const auto* bad : {"*.example", "*.one.example", "login.corp.example", "corp.example",
                          "*.example.com", "corp-*", "two.example", "*-i.example.com"}) {
    EXPECT_FALSE(policy.inspects_all_of(*HostPattern::parse(bad))) << bad;
  }
}

TEST(PolicyHostsDeathTest, CannotInspectByDefault) {
  Parts parts;
  parts.fallback = Action::inspect;
  EXPECT_DEATH(Policy{parts}, "fallback");
  parts = {};
  parts.unnamed = Action::inspect;
  EXPECT_DEATH(Policy{parts}, "unnamed");
}

TEST(PolicyHttp, WithoutARuleEverythingMayPass) {
  EXPECT_EQ(Policy().check("api.example", "POST", "/v1/messages"), HttpVerdict{});
  const auto policy = of_rules({http({}, "/v1/files", kBlock)});
  EXPECT_EQ(policy.check("api.example", "POST", "/v1/messages"), HttpVerdict{});
  EXPECT_EQ(policy.check("other.example", "POST", "/v1/files"), HttpVerdict{});
}

TEST(PolicyHttp, ABlockSaysWhyAndWhere) {
  const auto policy = of_rules({http({"POST"}, "/v1/files", kBlock)});
  EXPECT_EQ(policy.check("API.example.", "POST", "/v1/files?x=1"),
            (HttpVerdict{false, "not here", "policy.yaml:/v1/files"}));
  EXPECT_TRUE(is_allowed(policy, "GET", "/v1/files"));
  EXPECT_TRUE(is_allowed(policy, "post", "/v1/files")) << "methods are case-sensitive";
}

TEST(PolicyHttp, TheMostSpecificRuleDecidesInAnyOrder) {
  struct Case {
    HttpRule winner;
    HttpRule loser;
    const char* method;
    const char* target;
  };
  const std::vector<Case> cases = {
      {http({}, "/v1/messages", kAllow), http({}, "/v1/**", kBlock), "POST", "/v1/messages"},
      {http({}, "/v1/messages", kAllow), http({"POST"}, "/v1/message*", kBlock), "POST",
       "/v1/messages"},
      {http({}, "/v1/models/*", kAllow), http({}, "/v1/*", kBlock), "GET", "/v1/models/x"},
      {http({}, "/v1/models/*", kAllow), http({"GET"}, "/v1/*", kBlock), "GET", "/v1/models/x"},
      {http({}, "/v1/*/messages", kAllow), http({}, "/v1/**", kBlock), "GET", "/v1/a/messages"},
      {http({"GET"}, "/v1/x", kAllow), http({}, "/v1/x", kBlock), "GET", "/v1/x"},
      {http({"GET"}, "/v1/*", kAllow), http({}, "/v1/*", kBlock), "GET", "/v1/x"},
      {http({"GET"}, "/v1/*", kBlock), http({}, "/v1/*", kAllow), "GET", "/v1/x"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(is_allowed(of_rules({c.winner, c.loser}), c.method, c.target), c.winner.is_allowed)
        << c.winner.path.text() << " over " << c.loser.path.text();
    EXPECT_EQ(is_allowed(of_rules({c.loser, c.winner}), c.method, c.target), c.winner.is_allowed)
        << c.winner.path.text() << " over " << c.loser.path.text();
  }
}

TEST(PolicyHttp, TheLaterOfEquallySpecificRulesWins) {
  EXPECT_FALSE(is_allowed(of_rules({http({}, "/a", kAllow), http({}, "/a", kBlock)}), "GET", "/a"));
  EXPECT_TRUE(is_allowed(of_rules({http({}, "/a", kBlock), http({}, "/a", kAllow)}), "GET", "/a"));
}

TEST(PolicyHttp, AnAllowListAdmitsNothingThatCanBeReadAsSomethingElse) {
  const auto policy = of_rules({http({}, "/**", kBlock), http({"POST"}, "/v1/messages", kAllow)});
  EXPECT_TRUE(is_allowed(policy, "POST", "/v1/messages"));
  EXPECT_TRUE(is_allowed(policy, "POST", "/v1/%6dessages?beta=true"));
  for (const auto* target :
       {"/v1/messages/", "/v1//messages", "/v1/x/../messages", "/v1%2Fmessages", "/v1/messages;a",
        "/v1/messages%00", "/v1/%256dessages", "/v1/messages/../files", "*", "/"}) {
    EXPECT_FALSE(is_allowed(policy, "POST", target)) << target;
  }
  EXPECT_FALSE(is_allowed(policy, "GET", "/v1/messages"));
}

TEST(PolicyHttp, WhatNobodyCanReadIsBlockedOnlyWhereSomethingIs) {
  const std::string endless = "/" + std::string(kMaxTargetBytes, 'a');
  EXPECT_FALSE(is_allowed(of_rules({http({}, "/a", kBlock)}), "GET", endless));
  EXPECT_TRUE(is_allowed(of_rules({http({}, "/a", kAllow)}), "GET", endless));
}

TEST(PolicyHttp, TheMostSpecificElementAloneApplies) {
  Parts parts;
  parts.hosts = {rule("*.example", Action::inspect)};
  parts.http.push_back({*HostPattern::parse("*.example"), {http({}, "/x", kBlock)}, {}, "wide"});
  HttpEntry narrow{*HostPattern::parse("a.example"), {}, {}, "narrow"};
  narrow.edits.limit_accept_encoding = true;
  parts.http.push_back(narrow);
  const Policy policy(std::move(parts));
  EXPECT_FALSE(policy.check("b.example", "GET", "/x").allowed);
  EXPECT_EQ(policy.edits("b.example"), nullptr);
  EXPECT_TRUE(policy.check("a.example", "GET", "/x").allowed);
  ASSERT_NE(policy.edits("A.example"), nullptr);
  EXPECT_TRUE(policy.edits("a.example")->limit_accept_encoding);
}

TEST(PolicyHttp, OnlyInspectedHostsWithSomethingToDoAreRewritten) {
  Parts parts;
  parts.hosts = {rule("*.example", Action::inspect), rule("off.example", Action::tunnel)};
  parts.http.push_back({*HostPattern::parse("*.example"), {http({}, "/x", kBlock)}, {}, "wide"});
  parts.http.push_back({*HostPattern::parse("idle.example"), {}, {}, "idle"});
  const Policy policy(std::move(parts));
  EXPECT_TRUE(policy.decide("a.example").rewrites);
  EXPECT_FALSE(policy.decide("off.example").rewrites);
  EXPECT_FALSE(policy.decide("idle.example").rewrites);
  EXPECT_FALSE(policy.decide("example").rewrites);
  EXPECT_FALSE(policy.decide(std::nullopt).rewrites);
}

TEST(PolicyEdits, EachOfThemNeedsRewriting) {
  HttpEntry entry{*HostPattern::parse("a.example"), {}, {}, ""};
  EXPECT_FALSE(entry.needs_rewriting());
  auto with_header = entry;
  with_header.edits.headers.push_back({});
  auto with_coding = entry;
  with_coding.edits.limit_accept_encoding = true;
  auto with_system = entry;
  with_system.edits.system_instruction = SystemInstruction{};
  auto with_model = entry;
  with_model.edits.map_model.push_back({"a", "b", ""});
  for (const auto& each : {with_header, with_coding, with_system, with_model}) {
    EXPECT_TRUE(each.needs_rewriting());
  }
  EXPECT_FALSE(with_header.edits.has_request_rules());
  EXPECT_FALSE(with_coding.edits.has_request_rules());
  EXPECT_TRUE(with_system.edits.has_request_rules());
  EXPECT_TRUE(with_model.edits.has_request_rules());
}

TEST(PolicyEdits, WhatFramesOrRoutesAMessageCannotBeEdited) {
  for (const auto* name : {"content-length", "transfer-encoding", "connection", "host", ":path",
                           ":authority", "te", "upgrade", "content-encoding", "trailer"}) {
    EXPECT_TRUE(is_refused_header(name)) << name;
  }
  for (const auto* name : {"x-team", "authorization", "user-agent", "server"}) {
    EXPECT_FALSE(is_refused_header(name)) << name;
  }
}

TEST(PolicyEdits, NamesAndValuesAreOneLineOfPlainText) {
  EXPECT_TRUE(is_token("x-team"));
  for (const auto* bad : {"", "x team", "x:team", "x\r\n"}) {
    EXPECT_FALSE(is_token(bad)) << bad;
  }
  EXPECT_TRUE(is_field_value("a b\tc"));
  for (const auto* bad : {"", " a", "a ", "a\r\nb: c", "a\nb", "\x7f", "\xc3\xa9"}) {
    EXPECT_FALSE(is_field_value(bad)) << bad;
  }
}

}  // namespace
}  // namespace agp::policy
