#include "daemon/io/tally.h"

#include <gtest/gtest.h>

namespace agp::io {
namespace {

using Kind = relay::Report::Kind;

relay::Report report(Kind kind, const std::string& host, const std::string& detail = {}) {
  return {kind, host, detail};
}

TEST(Tally, RefusedCertificatesAreCountedByHostAndToldAtPowersOfTwo) {
  Tally tally;
  std::vector<std::uint64_t> told;
  for (int i = 0; i < 9; ++i) {
    if (const auto host = tally.add(report(Kind::client_refused, "a.example", "why"), {})) {
      told.push_back(host->count);
    }
  }
  (void)tally.add(report(Kind::client_refused, "b.example"), {});
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2, 4, 8}));
  const auto seen = tally.snapshot();
  ASSERT_EQ(seen.refused_by_client.size(), 2U);
  EXPECT_EQ(seen.refused_by_client[0].host, "a.example");
  EXPECT_EQ(seen.refused_by_client[0].count, 9U);
  EXPECT_EQ(seen.refused_by_client[0].detail, "why");
}

TEST(Tally, ProtocolsAndReasonsAreCounted) {
  Tally tally;
  (void)tally.add(report(Kind::intercepted, "a.example", "TLSv1.3 h2"), {});
  (void)tally.add(report(Kind::intercepted, "a.example", "TLSv1.3 "), {});
  (void)tally.add(report(Kind::tunnelled, "b.example"), {});
  const auto seen = tally.snapshot();
  EXPECT_EQ(seen.intercepted_by_protocol.at("h2"), 1U);
  EXPECT_EQ(seen.intercepted_by_protocol.at("none"), 1U);
  EXPECT_EQ(seen.tunnelled_by_reason.at("policy"), 1U);
}

TEST(Tally, HostsBeyondTheLimitAreOther) {
  Tally tally;
  for (std::size_t i = 0; i < Tally::kMostHosts + 10; ++i) {
    (void)tally.add(report(Kind::client_refused, std::to_string(i) + ".example"), {});
  }
  const auto seen = tally.snapshot();
  EXPECT_EQ(seen.refused_by_client.size(), Tally::kMostHosts + 1);
  EXPECT_EQ(seen.refused_by_client[0].host, Tally::kOther);
  EXPECT_EQ(seen.refused_by_client[0].count, 10U);
}

}  // namespace
}  // namespace agp::io
