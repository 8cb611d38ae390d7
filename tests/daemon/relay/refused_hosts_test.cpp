#include "daemon/relay/refused_hosts.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

using std::chrono::minutes;

constexpr usage::Micros kStart{std::chrono::hours(1'000)};

TEST(RefusedHosts, NeverTunnelsUnlessPolicyNamesANumber) {
  RefusedHosts hosts;
  for (int i = 0; i < 1000; ++i) {
    hosts.on_refused("a.example", kStart);
  }
  EXPECT_FALSE(hosts.is_tunnelled("a.example", 0, kStart));
}

TEST(RefusedHosts, TunnelsAfterSoManyWithinTheWindowAndThatHostAlone) {
  RefusedHosts hosts;
  hosts.on_refused("a.example", kStart);
  hosts.on_refused("a.example", kStart);
  EXPECT_FALSE(hosts.is_tunnelled("a.example", 3, kStart));
  hosts.on_refused("a.example", kStart + minutes(9));
  EXPECT_TRUE(hosts.is_tunnelled("a.example", 3, kStart + minutes(9)));
  EXPECT_FALSE(hosts.is_tunnelled("b.example", 3, kStart + minutes(9)));
}

TEST(RefusedHosts, OldRefusalsDoNotCount) {
  RefusedHosts hosts;
  hosts.on_refused("a.example", kStart);
  hosts.on_refused("a.example", kStart + RefusedHosts::kWindow);
  EXPECT_FALSE(hosts.is_tunnelled("a.example", 2, kStart + RefusedHosts::kWindow));
}

// threat-model 84
TEST(RefusedHosts, AClockThatWasSetBackProlongsNothing) {
  RefusedHosts hosts;
  const auto later = kStart + RefusedHosts::kTunnelFor + minutes(1);
  hosts.on_refused("a.example", later);
  EXPECT_TRUE(hosts.is_tunnelled("a.example", 1, later));
  EXPECT_FALSE(hosts.is_tunnelled("a.example", 1, kStart));
}

TEST(RefusedHosts, TriesAgainAfterATime) {
  RefusedHosts hosts;
  hosts.on_refused("a.example", kStart);
  ASSERT_TRUE(hosts.is_tunnelled("a.example", 1, kStart));
  EXPECT_TRUE(hosts.is_tunnelled("a.example", 1, kStart + RefusedHosts::kTunnelFor - minutes(1)));
  EXPECT_FALSE(hosts.is_tunnelled("a.example", 1, kStart + RefusedHosts::kTunnelFor));
}

TEST(RefusedHosts, RemembersABoundedNumberOfHosts) {
  RefusedHosts hosts;
  for (std::size_t i = 0; i < 2 * RefusedHosts::kMaxHosts; ++i) {
    hosts.on_refused("host" + std::to_string(i), kStart + std::chrono::seconds(i));
  }
  EXPECT_EQ(hosts.size(), RefusedHosts::kMaxHosts);
}

TEST(RefusedHosts, WorkersMayAskAtOnce) {
  RefusedHosts hosts;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&hosts] {
      for (int round = 0; round < 200; ++round) {
        hosts.on_refused("a.example", kStart);
        (void)hosts.is_tunnelled("a.example", 1, kStart);
      }
    });
  }
  for (auto& each : workers) {
    each.join();
  }
  EXPECT_TRUE(hosts.is_tunnelled("a.example", 1, kStart));
}

}  // namespace
}  // namespace agp::relay
