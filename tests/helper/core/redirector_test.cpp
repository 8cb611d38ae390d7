#include "helper/core/redirector.h"

#include "helper/core/errc.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

/// Tables without rules; what is restored is only counted.
class EmptyFirewall final : public Firewall {
 public:
  bool is_present(Family) override { return true; }
  Result<std::string> save(Family, Table) override {
    if (is_missing) {
      return Error(Errc::firewall_missing, "stub");
    }
    return content;
  }
  Result<> restore(Family, const std::string&) override {
    ++restores;
    content.clear();
    return Error(Errc::firewall, "stub");
  }
  std::string content;
  bool is_missing = false;
  int restores = 0;
};

class FakeTable final : public OwnerTable {
 public:
  Result<> check_kernel() override {
    ++checks;
    return kernel;
  }
  bool holds() override { return state == TableState::ours; }
  Result<TableState> compare(const nft::Rules&) override { return state; }
  Result<> replace(const nft::Rules&) override {
    if (refuses) {
      return Error(Errc::firewall, "refused");
    }
    state = TableState::ours;
    return {};
  }
  Result<bool> remove() override {
    const bool was = state != TableState::absent;
    state = TableState::absent;
    return was;
  }
  Result<> kernel;
  TableState state = TableState::absent;
  bool refuses = false;
  int checks = 0;
};

struct World {
  EmptyFirewall iptables;
  FakeTable table;
  int stops = 0;
  Redirector redirector{{&iptables, nullptr, &table}};
  Result<bool> ensure(FirewallBackend wanted, Redirector::Before before = {}) {
    return redirector.ensure(wanted, RedirectSpec(), before, [this] {
      ++stops;
      return Result<>();
    });
  }
};

TEST(Redirector, AutoAsksTheKernelOnce) {
  World world;
  EXPECT_EQ(world.redirector.choose(FirewallBackend::automatic).backend, FirewallBackend::nftables);
  EXPECT_EQ(world.redirector.choose(FirewallBackend::automatic).backend, FirewallBackend::nftables);
  EXPECT_EQ(world.table.checks, 1);
}

TEST(Redirector, AutoStaysWithTheTableThatIsHeld) {
  World world;
  world.table.state = TableState::ours;
  world.table.kernel = Error(Errc::firewall, "stub");
  EXPECT_EQ(world.redirector.choose(FirewallBackend::automatic).backend, FirewallBackend::nftables);
  EXPECT_EQ(world.table.checks, 0);
}

TEST(Redirector, AutoSaysWhyItIsIptables) {
  World world;
  world.table.kernel = Error(Errc::firewall, "tables have no owner here");
  const auto choice = world.redirector.choose(FirewallBackend::automatic);
  EXPECT_EQ(choice.backend, FirewallBackend::iptables);
  EXPECT_EQ(choice.reason, "tables have no owner here");
}

TEST(Redirector, AutoIsIptablesWithoutATable) {
  World world;
  Redirector plain({&world.iptables});
  EXPECT_EQ(plain.choose(FirewallBackend::automatic).backend, FirewallBackend::iptables);
}

TEST(Redirector, ATableThatIsGoneIsALossOfEverything) {
  World world;
  const RedirectSpec was;
  Loss loss;
  ASSERT_TRUE(world.ensure(FirewallBackend::nftables, {nullptr, &loss}));
  EXPECT_TRUE(loss.lost.empty()) << "there was nothing to lose";
  ASSERT_TRUE(world.ensure(FirewallBackend::nftables, {&was, &loss}));
  EXPECT_TRUE(loss.lost.empty());
  world.table.state = TableState::absent;
  ASSERT_TRUE(world.ensure(FirewallBackend::nftables, {&was, &loss}));
  EXPECT_EQ(loss.lost, std::vector<std::string>{"table of nftables"});
  EXPECT_FALSE(loss.had_filter);
}

TEST(Redirector, RulesOfAnEndedCgroupAreInPlaceAndGoWithoutAWord) {
  World world;
  world.table.state = TableState::outlived;
  const RedirectSpec was;
  Loss loss;
  EXPECT_TRUE(world.redirector.verify(FirewallBackend::nftables, was));
  EXPECT_EQ(world.redirector.state(FirewallBackend::nftables, Family::ipv4, &was), "active");
  auto done = world.ensure(FirewallBackend::nftables, {&was, &loss});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_FALSE(*done) << "nothing was missing";
  EXPECT_EQ(world.table.state, TableState::ours);
  EXPECT_TRUE(loss.lost.empty());
}

TEST(Redirector, AnotherHolderIsNoLoss) {
  World world;
  world.table.state = TableState::ours;
  const RedirectSpec was;
  Loss loss;
  (void)world.ensure(FirewallBackend::iptables, {&was, &loss});  // the stub refuses to apply
  EXPECT_EQ(world.stops, 1);
  EXPECT_TRUE(loss.lost.empty());
}

TEST(Redirector, KnowsWhetherAnybodyHasRules) {
  World world;
  EXPECT_FALSE(world.redirector.has_rules());
  world.table.state = TableState::of_another;
  EXPECT_TRUE(world.redirector.has_rules());
  World with;
  with.iptables.content = "*nat\n:AGP_NAT - [0:0]\nCOMMIT\n";
  EXPECT_TRUE(with.redirector.has_rules());
}

TEST(Redirector, AutoFallsBackWhenTheTableRefuses) {
  World world;
  world.table.refuses = true;
  EXPECT_FALSE(world.ensure(FirewallBackend::automatic));
  EXPECT_GT(world.iptables.restores, 0);
  World told;
  told.table.refuses = true;
  EXPECT_FALSE(told.ensure(FirewallBackend::nftables));
  EXPECT_EQ(told.iptables.restores, 0);
}

TEST(Redirector, TheTableNeedsNoIptables) {
  World world;
  world.iptables.is_missing = true;
  auto done = world.ensure(FirewallBackend::nftables);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(*done);
  EXPECT_FALSE(*world.ensure(FirewallBackend::nftables));
  EXPECT_TRUE(*world.redirector.remove());
  EXPECT_FALSE(*world.redirector.remove());
  EXPECT_EQ(world.stops, 0);
}

TEST(Redirector, ServersStopBeforeTheOtherHoldersRulesGo) {
  World world;
  world.iptables.content = "*nat\n:AGP_NAT - [0:0]\nCOMMIT\n";
  (void)world.ensure(FirewallBackend::nftables);  // the stub refuses to remove them
  EXPECT_EQ(world.stops, 1);
  World back;
  back.table.state = TableState::ours;
  (void)back.ensure(FirewallBackend::iptables);  // the stub refuses to apply
  EXPECT_EQ(back.stops, 1);
  EXPECT_EQ(back.table.state, TableState::absent);
}

TEST(Redirector, RulesOfAnotherProcessAreNotInPlace) {
  World world;
  world.table.state = TableState::of_another;
  auto verified = world.redirector.verify(FirewallBackend::nftables, RedirectSpec());
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Errc::not_protected);
  EXPECT_FALSE(world.redirector.holds_by_process());
  EXPECT_EQ(world.redirector.state(FirewallBackend::nftables, Family::ipv4, nullptr), "partial");
}

}  // namespace
}  // namespace agp::core
