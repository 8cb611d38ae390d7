#include "helper/core/redirect.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

const RedirectSpec kSpec{991, 992, {42100, 42199}, Egress::metered, {}, {}};

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
  EXPECT_FALSE(is_in_place(Family::ipv4, Table::nat, {990, 992, {}, Egress::metered, {}, {}},
                           parse_save(kNat)));
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
    for (const auto& plan :
         {plan_ensure(Family::ipv4, Table::nat, {7, 8, {}, Egress::metered, {}, {}}, observed),
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

/// The lines of a plan that start so.
std::vector<std::string> lines_of(std::string plan, const std::string& start) {
  std::vector<std::string> lines;
  while (!plan.empty()) {
    const auto line = plan.substr(0, plan.find('\n'));
    plan.erase(0, line.size() + 1);
    if (line.starts_with(start)) {
      lines.push_back(line);
    }
  }
  return lines;
}

/// What a kernel would show after the plan for an empty table.
ObservedTable after(const std::string& plan) {
  std::string shown;
  for (const auto& line : lines_of(plan, "")) {
    shown += (line.starts_with("-I") ? "-A" + line.substr(2) : line) + "\n";
  }
  return parse_save(shown);
}

TEST(Redirect, AScopeIsRedirectedAndAdmittedByUserAndCgroup) {
  auto spec = kSpec;
  spec.scopes = {{1000, "user.slice/user-1000.slice/agp\\x2drun@1.scope"}};
  const std::string who =
      "-m owner --uid-owner 1000 -m cgroup --path "
      "\"user.slice/user-1000.slice/agp\\\\x2drun@1.scope\" -m comment";
  const std::string comment = " --comment \"antigravity-proxy:v1\" -j ";
  const auto nat = plan_ensure(Family::ipv4, Table::nat, spec, {});
  EXPECT_EQ(lines_of(nat, "-A AGP_NAT").back(),
            "-A AGP_NAT ! -d 127.0.0.0/8 -p tcp -m tcp --dport 443 " + who + comment +
                "REDIRECT --to-ports 8742");
  EXPECT_EQ(lines_of(nat, "-I OUTPUT").front(), "-I OUTPUT -p tcp " + who + comment + "AGP_NAT");

  const auto filter = plan_ensure(Family::ipv6, Table::filter, spec, {});
  EXPECT_NE(filter.find("-A AGP_FILTER ! -d ::1/128 -p udp -m udp --dport 443 " + who + comment +
                        "REJECT --reject-with icmp6-port-unreachable\n"),
            std::string::npos);
  EXPECT_NE(filter.find("-m conntrack --ctstate DNAT " + who + comment + "RETURN\n"),
            std::string::npos);
  EXPECT_NE(filter.find("-I OUTPUT " + who + comment + "AGP_FILTER\n"), std::string::npos);
  // Neither the API nor the ports of language servers are a matter of the scope.
  for (const char* port : {"8741", "42100"}) {
    for (const auto& line : lines_of(filter, "-A")) {
      EXPECT_TRUE(line.find(port) == std::string::npos || line.find("1000") == std::string::npos)
          << line;
    }
  }
}

TEST(Redirect, WhatWasPlannedIsInPlaceUntilTheSpecChanges) {
  auto spec = kSpec;
  spec.egress = Egress::strict;
  spec.resolvers = {"192.0.2.53", "2001:db8::53"};
  spec.scopes = {{1000, "a/b.scope"}, {1001, "a/c.scope"}};
  for (const auto family : {Family::ipv4, Family::ipv6}) {
    for (const auto table : {Table::filter, Table::nat}) {
      const auto observed = after(plan_ensure(family, table, spec, {}));
      EXPECT_TRUE(is_in_place(family, table, spec, observed));
      auto other = spec;
      other.scopes.pop_back();
      EXPECT_FALSE(is_in_place(family, table, other, observed));
      other = spec;
      other.scopes[0].user = 1001;
      EXPECT_FALSE(is_in_place(family, table, other, observed));
      other = spec;
      other.egress = Egress::metered;
      EXPECT_EQ(is_in_place(family, table, other, observed), table == Table::nat);
    }
  }
}

TEST(Redirect, StrictLeavesLoopbackAndTheResolvers) {
  auto spec = kSpec;
  spec.egress = Egress::strict;
  spec.resolvers = {"192.0.2.53", "2001:db8::53"};
  const std::string tail =
      "-m owner --uid-owner 991 -m comment --comment \"antigravity-proxy:v1\" -j ";
  const auto rules = lines_of(plan_ensure(Family::ipv4, Table::filter, spec, {}), "-A AGP_FILTER");
  ASSERT_EQ(rules.size(), 8U);
  const std::vector<std::string> lock(rules.begin() + 3, rules.end());
  EXPECT_EQ(lock, (std::vector<std::string>{
                      "-A AGP_FILTER -d 127.0.0.0/8 " + tail + "RETURN",
                      "-A AGP_FILTER -d 192.0.2.53/32 -p udp -m udp --dport 53 " + tail + "RETURN",
                      "-A AGP_FILTER -d 192.0.2.53/32 -p tcp -m tcp --dport 53 " + tail + "RETURN",
                      "-A AGP_FILTER -p tcp " + tail + "REJECT --reject-with tcp-reset",
                      "-A AGP_FILTER " + tail + "REJECT --reject-with icmp-port-unreachable"}));
}

// threat-model 39
TEST(Redirect, NothingInANameOfACgroupBecomesRuleText) {
  for (const char* path : {"", "/a", "a/", "a//b", "a/../b", ".", "a b", "a\nb", "a\tb", "\x7f"}) {
    EXPECT_FALSE(is_cgroup_path(path)) << path;
  }
  EXPECT_FALSE(is_cgroup_path(std::string(512, 'a')));
  EXPECT_TRUE(is_cgroup_path(std::string(511, 'a')));
  EXPECT_TRUE(is_cgroup_path("user.slice/user-1000.slice/user@1000.service/app.slice/x.scope"));
  auto spec = kSpec;
  spec.scopes = {{1000, "a\"-j\\ACCEPT"}};
  const auto plan = plan_ensure(Family::ipv4, Table::nat, spec, {});
  EXPECT_NE(plan.find("--path \"a\\\"-j\\\\ACCEPT\" -m comment"), std::string::npos) << plan;
}

// threat-model 39
TEST(Redirect, GarbageIsNoRuleOfOurs) {
  EXPECT_TRUE(parse_save("\n\n-A\n-A \n:\nAGP_NAT\n# -A OUTPUT -j AGP_NAT\n").is_empty());
  EXPECT_TRUE(parse_save("-A OUTPUT -m comment --comment \"-j AGP_NAT\" -j DROP").is_empty());
}

}  // namespace
}  // namespace agp::core
