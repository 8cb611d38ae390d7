#include "daemon/app/tenancy.h"

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

constexpr std::uint32_t kAccount = 990;

using Uid = std::optional<std::uint32_t>;

Uid owner_of(const Tenancy& tenancy, Uid local_uid) {
  const auto caller = tenancy.identify([&] { return local_uid; });
  EXPECT_EQ(caller.local_uid, local_uid);
  return caller.owner_uid;
}

TEST(Tenancy, ConnectionsOfTheAccountBelongToTheUserOfTheMoment) {
  Tenancy tenancy(kAccount);
  EXPECT_EQ(owner_of(tenancy, kAccount), Uid()) << "nobody's: none of ours runs";
  tenancy.set(1000);
  EXPECT_EQ(owner_of(tenancy, kAccount), Uid(1000));
  tenancy.set(std::nullopt);
  EXPECT_EQ(owner_of(tenancy, kAccount), Uid());
  tenancy.set(1001);
  EXPECT_EQ(owner_of(tenancy, kAccount), Uid(1001));
}

TEST(Tenancy, EverybodyElseOwnsWhatTheyDo) {
  Tenancy tenancy(kAccount);
  tenancy.set(1000);
  EXPECT_EQ(owner_of(tenancy, 1001), Uid(1001));
  EXPECT_EQ(owner_of(tenancy, 0), Uid(0));
  EXPECT_EQ(owner_of(tenancy, std::nullopt), Uid());
}

TEST(Tenancy, WithoutSuchAnAccountNothingIsOfATenant) {
  Tenancy tenancy(std::nullopt);
  tenancy.set(1000);
  EXPECT_EQ(owner_of(tenancy, kAccount), Uid(kAccount));
  EXPECT_EQ(owner_of(tenancy, std::nullopt), Uid());
}

// The connection may be of the one before or of the one after.
TEST(Tenancy, AChangeWhileTheKernelIsAskedLeavesNoOwner) {
  Tenancy tenancy(kAccount);
  tenancy.set(1000);
  for (const Uid next : {Uid(1001), Uid(), Uid(1000)}) {
    const auto caller = tenancy.identify([&] {
      tenancy.set(next);
      return Uid(kAccount);
    });
    EXPECT_EQ(caller.local_uid, Uid(kAccount));
    EXPECT_EQ(caller.owner_uid, Uid());
  }
}

}  // namespace
}  // namespace agp::app
