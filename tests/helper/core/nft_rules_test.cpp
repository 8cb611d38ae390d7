#include "helper/core/nft_rules.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::core::nft {
namespace {

const std::vector<Family> kBoth{Family::ipv4, Family::ipv6};

RedirectSpec spec_of_test() {
  RedirectSpec spec;
  spec.language_server = 991;
  spec.daemon = 992;
  return spec;
}

template <class Kind>
bool has(const Rule& rule) {
  return std::any_of(rule.steps.begin(), rule.steps.end(),
                     [](const Step& step) { return std::holds_alternative<Kind>(step); });
}

bool has_step(const Rule& rule, const Step& wanted) {
  return std::find(rule.steps.begin(), rule.steps.end(), wanted) != rule.steps.end();
}

std::vector<Rule> rules_in(const Rules& rules, const std::string& chain) {
  std::vector<Rule> found;
  std::copy_if(rules.rules.begin(), rules.rules.end(), std::back_inserter(found),
               [&](const Rule& rule) { return rule.chain == chain; });
  return found;
}

TEST(NftRules, RedirectOnlyWhatHasTheUserOfTheLanguageServer) {
  const auto rules = rules_in(desired_rules(spec_of_test(), kBoth), "nat_output");
  ASSERT_EQ(rules.size(), 2U);
  for (const auto& rule : rules) {
    EXPECT_EQ(rule.steps[0], Step(Load{Field::user}));
    EXPECT_EQ(rule.steps[1], Step(Compare{true, {0xdf, 3, 0, 0}}));  // 991
    EXPECT_EQ(rule.steps.back(), Step(Redirect{8742}));
  }
}

TEST(NftRules, EveryRuleOfTheHooksNamesAUserOrOpensAPortOfOurs) {
  auto spec = spec_of_test();
  spec.egress = Egress::strict;
  spec.scopes = {{1000, "a/b.scope"}};
  const auto all = desired_rules(spec, kBoth);
  for (const char* chain : {"nat_output", "filter_output"}) {
    for (const auto& rule : rules_in(all, chain)) {
      const bool is_guarded = has_step(rule, Jump{"guard"}) &&
                              has_step(rule, Load{Field::tcp_flags}) &&
                              has_step(rule, Load{Field::destination_port});
      EXPECT_TRUE(has_step(rule, Load{Field::user}) || is_guarded);
      EXPECT_FALSE(has<Reject>(rule));
    }
  }
}

TEST(NftRules, AFamilyThatIsNotThereHasNoRules) {
  const auto both = desired_rules(spec_of_test(), kBoth);
  const auto one = desired_rules(spec_of_test(), {Family::ipv4});
  EXPECT_LT(one.rules.size(), both.rules.size());
  for (const auto& rule : one.rules) {
    EXPECT_FALSE(has_step(rule, Load{Field::destination_ipv6}));
  }
}

TEST(NftRules, AScopeIsMatchedByUserAndCgroup) {
  auto spec = spec_of_test();
  spec.scopes = {{1000, "a/b.scope"}};
  std::size_t named = 0;
  for (const auto& rule : desired_rules(spec, kBoth).rules) {
    if (has<InCgroup>(rule)) {
      EXPECT_TRUE(has_step(rule, InCgroup{"a/b.scope"}));
      EXPECT_TRUE(has_step(rule, Compare{true, {0xe8, 3, 0, 0}}));  // 1000
      ++named;
    }
  }
  EXPECT_EQ(named, 4U);  // redirect of each family, jump, admission
  EXPECT_EQ(level_of("a/b.scope"), 2U);
  EXPECT_EQ(level_of("a"), 1U);
}

TEST(NftRules, StrictEndsInAReject) {
  auto spec = spec_of_test();
  const auto metered = rules_in(desired_rules(spec, kBoth), "server");
  spec.egress = Egress::strict;
  spec.resolvers = {"192.0.2.53", "2001:db8::53"};
  const auto strict = rules_in(desired_rules(spec, kBoth), "server");
  EXPECT_EQ(strict.size(), metered.size() + 8);
  EXPECT_EQ(strict.back().steps, std::vector<Step>{Reject::port_unreachable});
  EXPECT_TRUE(std::any_of(strict.begin(), strict.end(), [](const Rule& rule) {
    return has_step(rule, Compare{true, {192, 0, 2, 53}}) && has<Return>(rule);
  }));
}

TEST(NftRules, TheProbeIsForNobody) {
  for (const auto& rule : probe_rules().rules) {
    const bool is_hooked = rule.chain != "server";
    EXPECT_EQ(is_hooked, has_step(rule, Compare{true, {0xfe, 0xff, 0xff, 0xff}}));
  }
}

}  // namespace
}  // namespace agp::core::nft
