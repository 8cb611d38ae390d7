// Other programs change the firewall, with the real iptables and nft, in a network namespace: our
// rules come back, and theirs stay as they made them.
#include "helper/core/operations.h"
#include "helper/core/rule_watch.h"
#include "helper/os/command.h"
#include "helper/os/iptables.h"
#include "helper/os/netfilter_listener.h"

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace agp::os {
namespace {

using Clock = std::chrono::steady_clock;

class FixedAccounts final : public core::AccountDatabase {
 public:
  core::Accounts look_up() override { return {61991, 61992}; }
};

class NoUnits final : public core::UnitManager {
 public:
  Result<> start(const core::UnitSpec&) override { return {}; }
  Result<std::string> run(core::UnitSpec, const core::RunLimits&) override { return std::string(); }
  Result<> stop(const std::string&) override { return {}; }
  Result<std::vector<core::UnitState>> language_servers() override {
    return std::vector<core::UnitState>();
  }
  std::vector<core::UnitExit> take_exits() override { return {}; }
};

class NoTrust final : public core::TrustStore {
 public:
  std::string bundle_path() const override { return "/none"; }
  Result<std::string> system_certificates() override { return std::string(); }
  Result<std::optional<std::string>> read_bundle() override { return std::optional<std::string>(); }
  Result<> write_bundle(std::string_view) override { return {}; }
  Result<bool> remove_bundle() override { return false; }
  Result<std::shared_ptr<void>> lock() override { return std::shared_ptr<void>(); }
};

std::string run(const std::string& program,
                const std::vector<std::string>& arguments,
                std::string_view input = {}) {
  auto result = run_command(program, arguments, input);
  EXPECT_TRUE(result && result->exit_status == 0)
      << program << " " << (result ? result->diagnostics : result.error().text());
  return result ? result->output : std::string();
}

/// Lines of iptables-save: ours, or those of others.
std::string rules(bool ours) {
  std::string text;
  for (const std::string program : {"/usr/sbin/iptables-save", "/usr/sbin/ip6tables-save"}) {
    for (const std::string table : {"nat", "filter"}) {
      const auto saved = run(program, {"-t", table});
      for (std::size_t at = 0; at < saved.size();) {
        const auto end = saved.find('\n', at);
        const auto line = saved.substr(at, end - at + 1);
        const bool is_ours = line.find("AGP_") != std::string::npos;
        if ((line[0] == '-' || line[0] == ':') && is_ours == ours) {
          // Counters of chains change by themselves.
          text += program + " " + table + " " + line.substr(0, line.find(" [")) + "\n";
        }
        at = end + 1;
      }
    }
  }
  return text;
}

class ForeignFlushNet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/usr/sbin/iptables-restore", X_OK) != 0 ||
        !is_iptables_announced()) {
      GTEST_SKIP() << "SKIPPED: needs root and the iptables that writes into nftables";
    }
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "SKIPPED: cannot make a network namespace: " << std::strerror(errno);
    }
    auto opened = NetfilterListener::open();
    ASSERT_TRUE(opened) << opened.error().text();
    listener.emplace(std::move(*opened));
    for (const char* program : {"/usr/sbin/iptables", "/usr/sbin/ip6tables"}) {
      run(program, {"-A", "OUTPUT", "-p", "tcp", "--dport", "25", "-j", "REJECT"});
    }
    auto done = operations.ensure_redirect();
    ASSERT_TRUE(done) << done.error().text();
    whole = rules(true);
    watch.set(true, true, Clock::now());
    settle();
  }

  /// Does what the helper does until nothing more is to be heard.
  void settle() {
    repairs.clear();
    for (bool is_quiet = false; !is_quiet;) {
      pollfd ready{listener->fd(), POLLIN, 0};
      // Delivered within the system call that changed something: none now means none.
      if (::poll(&ready, 1, 0) == 1) {
        const auto heard = listener->take();
        ASSERT_TRUE(heard == NetfilterListener::Heard::change ||
                    heard == NetfilterListener::Heard::overrun);
        watch.on_change(Clock::now());
        ++heard_times;
      } else if (watch.due() && *watch.due() < Clock::now() + std::chrono::seconds(1)) {
        auto found = operations.watch(true);
        ASSERT_FALSE(found.loss) << found.loss->text();
        repairs.insert(repairs.end(), found.repairs.begin(), found.repairs.end());
        watch.on_looked(Clock::now());
        ASSERT_LT(++looks, 40) << "it goes on for ever";
      } else {
        is_quiet = true;
      }
    }
  }

  Iptables iptables;
  NoTrust trust;
  FixedAccounts accounts;
  NoUnits units;
  core::Operations operations{{&iptables, &trust, &accounts, nullptr, &units, nullptr,
                               [] { return Result<core::Settings>(core::Settings()); },
                               [] { return std::int64_t{1}; }, nullptr}};
  core::RuleWatch watch;
  std::optional<NetfilterListener> listener;
  std::vector<core::Repair> repairs;
  std::string whole;
  int heard_times = 0;
  int looks = 0;
};

const std::vector<std::string> kEverything{"IPv4 filter", "IPv6 filter", "IPv4 nat", "IPv6 nat"};

// threat-model 35
TEST_F(ForeignFlushNet, WhatIsLostIsHeardAndComesBackAndNothingElseChanges) {
  struct Case {
    const char* what;
    std::string program;
    std::vector<std::string> arguments;
    std::string input;
    std::vector<std::string> lost;
  };
  const std::string ipv4 = "/usr/sbin/iptables";
  const std::string ipv6 = "/usr/sbin/ip6tables";
  const std::string nft = "/usr/sbin/nft";
  const std::vector<Case> cases{
      {"all chains of filter", ipv4, {"-F"}, "", {"IPv4 filter"}},
      {"nat OUTPUT", ipv4, {"-t", "nat", "-F", "OUTPUT"}, "", {"IPv4 nat"}},
      {"our own chain", ipv6, {"-t", "nat", "-F", "AGP_NAT"}, "", {"IPv6 nat"}},
      {"one rule of ours", ipv6, {"-D", "AGP_GUARD", "1"}, "", {"IPv6 filter"}},
      {"restored without --noflush",
       ipv4 + "-restore",
       {},
       "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
       "-A OUTPUT -p tcp --dport 26 -j REJECT\nCOMMIT\n",
       {"IPv4 filter"}},
      {"nft flush ruleset", nft, {"flush", "ruleset"}, "", kEverything},
      {"reload of nftables.service",
       nft,
       {"-f", "-"},
       "flush ruleset\ntable inet own { chain output { type filter hook output priority 0; }; }\n",
       kEverything},
      {"chains and jumps as docker makes them",
       ipv4 + "-restore",
       {"--noflush"},
       "*nat\n:DOCKER - [0:0]\n-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n"
       "COMMIT\n*filter\n:DOCKER-USER - [0:0]\n-I FORWARD -j DOCKER-USER\nCOMMIT\n",
       {}},
      {"a table of somebody else", nft, {"add", "table", "inet", "other"}, "", {}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    if (::access(c.program.c_str(), X_OK) != 0) {
      std::printf("SKIPPED: %s: %s is not installed\n", c.what, c.program.c_str());
      continue;
    }
    heard_times = looks = 0;
    run(c.program, c.arguments, c.input);
    const auto theirs = rules(false);
    settle();
    EXPECT_GT(heard_times, 0);
    EXPECT_LE(looks, 2) << "one for the change, one for what we changed";
    ASSERT_EQ(repairs.size(), c.lost.empty() ? 0U : 1U);
    if (!c.lost.empty()) {
      EXPECT_EQ(repairs[0].lost, c.lost);
    }
    EXPECT_EQ(rules(true), whole);
    EXPECT_EQ(rules(false), theirs);
  }
}

TEST_F(ForeignFlushNet, OurOwnChangesEndInSilence) {
  looks = 0;
  ASSERT_TRUE(operations.remove_redirect());
  watch.set(operations.keeps_rules(), true, Clock::now());
  settle();
  EXPECT_EQ(looks, 0);
  ASSERT_TRUE(operations.ensure_redirect());
  watch.set(operations.keeps_rules(), true, Clock::now());
  settle();
  EXPECT_EQ(looks, 1);
  EXPECT_TRUE(repairs.empty());
}

TEST_F(ForeignFlushNet, MoreThanTheSocketHoldsIsAnOverrun) {
  const int small = 1;
  ASSERT_EQ(::setsockopt(listener->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  std::string many = "*filter\n:THEIRS - [0:0]\n";
  for (int i = 0; i < 2000; ++i) {
    many += "-A THEIRS -p tcp --dport " + std::to_string(1000 + i) + " -j ACCEPT\n";
  }
  run("/usr/sbin/iptables-restore", {"--noflush"}, many + "COMMIT\n");
  EXPECT_EQ(listener->take(), NetfilterListener::Heard::overrun);
  EXPECT_NE(listener->take(), NetfilterListener::Heard::broken) << "it goes on afterwards";
}

}  // namespace
}  // namespace agp::os
