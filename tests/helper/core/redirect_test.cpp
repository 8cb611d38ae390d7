#include "helper/core/redirect.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

constexpr RedirectSpec kSpec{991, 992, {42100, 42199}};

// As printed by iptables-save of Debian 12 after the plan was applied to a table with foreign
// rules.
constexpr char kNat[] = R"(*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:AGP_NAT - [0:0]
-A OUTPUT -p tcp -m owner --uid-owner 991 -m comment --comment "antigravity-proxy:v1" -j AGP_NAT
-A OUTPUT -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80
-A AGP_NAT ! -d 127.0.0.0/8 -p tcp -m tcp --dport 443 -m owner --uid-owner 991 -m comment --comment "antigravity-proxy:v1" -j REDIRECT --to-ports 8742
COMMIT
)";

constexpr char kForeignOnly[] = R"(*nat
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER -p tcp -m comment --comment "not antigravity-proxy:v1 of ours" -j RETURN
COMMIT
)";

std::string without(std::string text, const std::string& line_start) {
  const auto at = text.find(line_start);
  return text.erase(at, text.find('\n', at) - at + 1);
}

TEST(Redirect, ChangesNothingWhenAllIsInPlace) {
  EXPECT_TRUE(is_in_place(Family::ipv4, Table::nat, kSpec, parse_save(kNat)));
  EXPECT_EQ(plan_ensure(Family::ipv4, Table::nat, kSpec, parse_save(kNat)), "");
}

TEST(Redirect, AcceptsTheSameOptionsInAnotherOrder) {
  std::string text(kNat);
  const std::string from = "-p tcp -m owner --uid-owner 991 -m comment";
  text.replace(text.find(from), from.size(), "-m owner --uid-owner 991 -p tcp -m comment");
  EXPECT_TRUE(is_in_place(Family::ipv4, Table::nat, kSpec, parse_save(text)));
}

TEST(Redirect, EveryMissingLineIsNoticed) {
  for (const char* line : {":AGP_NAT", "-A OUTPUT -p tcp -m owner", "-A AGP_NAT"}) {
    const auto observed = parse_save(without(kNat, line));
    EXPECT_FALSE(is_in_place(Family::ipv4, Table::nat, kSpec, observed)) << line;
    EXPECT_NE(plan_ensure(Family::ipv4, Table::nat, kSpec, observed), "") << line;
  }
}

TEST(Redirect, AnotherUidOrNegationIsNotInPlace) {
  EXPECT_FALSE(is_in_place(Family::ipv4, Table::nat, {990, 992, {}}, parse_save(kNat)));
  std::string text(kNat);
  text.erase(text.find("! -d"), 2);
  EXPECT_FALSE(is_in_place(Family::ipv4, Table::nat, kSpec, parse_save(text)));
}

// threat-model 29
TEST(Redirect, DuplicateJumpsAreRemovedAndOneIsInserted) {
  const std::string jump =
      "-A OUTPUT -p tcp -m owner --uid-owner 991 -m comment --comment \"antigravity-proxy:v1\" -j "
      "AGP_NAT\n";
  std::string text(kNat);
  text.insert(text.find("-A AGP_NAT"), jump + jump);
  const auto observed = parse_save(text);
  EXPECT_EQ(observed.jumps.size(), 3U);
  const auto plan = plan_ensure(Family::ipv4, Table::nat, kSpec, observed);
  std::size_t deleted = 0;
  for (auto at = plan.find("-D OUTPUT"); at != std::string::npos; at = plan.find("-D", at + 1)) {
    ++deleted;
  }
  EXPECT_EQ(deleted, 3U);
  EXPECT_NE(plan.find("-I OUTPUT"), std::string::npos);
  EXPECT_EQ(plan.find("-I OUTPUT"), plan.rfind("-I OUTPUT"));
}

// threat-model 29
// threat-model 39
TEST(Redirect, NeverNamesAForeignRule) {
  for (const char* text : {kNat, kForeignOnly}) {
    const auto observed = parse_save(text);
    for (const auto& plan : {plan_ensure(Family::ipv4, Table::nat, {7, 8, {}}, observed),
                             plan_remove(Table::nat, observed)}) {
      EXPECT_EQ(plan.find("8080"), std::string::npos);
      EXPECT_EQ(plan.find("DOCKER"), std::string::npos);
      EXPECT_EQ(plan.find("-F"), std::string::npos);
      EXPECT_EQ(plan.find("-P"), std::string::npos);
    }
  }
}

TEST(Redirect, RemovesWhatIsThereAndNothingElse) {
  const auto plan = plan_remove(Table::nat, parse_save(kNat));
  EXPECT_EQ(plan,
            "*nat\n:AGP_NAT - [0:0]\n-D OUTPUT -p tcp -m owner --uid-owner 991 -m comment "
            "--comment \"antigravity-proxy:v1\" -j AGP_NAT\n-X AGP_NAT\nCOMMIT\n");
  EXPECT_EQ(plan_remove(Table::nat, parse_save(kForeignOnly)), "");
  EXPECT_EQ(plan_remove(Table::nat, {}), "");
}

TEST(Redirect, FindsOurJumpsInAnyChain) {
  const auto observed = parse_save(
      "*filter\n-A FORWARD -g AGP_GUARD\n-A INPUT -m comment "
      "--comment \"antigravity-proxy:v0\" -j DROP\nCOMMIT\n");
  EXPECT_EQ(observed.jumps.size(), 2U);
}

TEST(Redirect, TheGuardLooksAtNewConnectionsOnly) {
  const auto plan = plan_ensure(Family::ipv6, Table::filter, kSpec, {});
  std::size_t guarded = 0;
  for (auto at = plan.find("-A AGP_GUARD"); at != std::string::npos;
       at = plan.find("-A AGP_GUARD", at + 1)) {
    const auto line = plan.substr(at, plan.find('\n', at) - at);
    EXPECT_NE(line.find("--tcp-flags FIN,SYN,RST,ACK SYN"), std::string::npos) << line;
    ++guarded;
  }
  EXPECT_EQ(guarded, 6U);
}

TEST(Redirect, EveryRuleOfOursCarriesTheComment) {
  for (const auto family : {Family::ipv4, Family::ipv6}) {
    for (const auto table : {Table::filter, Table::nat}) {
      std::string plan = plan_ensure(family, table, kSpec, {});
      while (!plan.empty()) {
        const auto line = plan.substr(0, plan.find('\n'));
        plan.erase(0, line.size() + 1);
        if (line.starts_with("-")) {
          EXPECT_NE(line.find("--comment \"antigravity-proxy:v1\""), std::string::npos) << line;
        }
      }
    }
  }
}

// threat-model 39
TEST(Redirect, GarbageIsNoRuleOfOurs) {
  EXPECT_TRUE(parse_save("\n\n-A\n-A \n:\nAGP_NAT\n# -A OUTPUT -j AGP_NAT\n").is_empty());
  EXPECT_TRUE(parse_save("-A OUTPUT -m comment --comment \"-j AGP_NAT\" -j DROP").is_empty());
}

}  // namespace
}  // namespace agp::core
