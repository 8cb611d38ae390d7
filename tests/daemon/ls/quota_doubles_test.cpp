// Quota and models of the Go doubles, in each era. AGP_DOUBLES names the folder with the built
// doubles.

#include "daemon/ls/errors.h"
#include "daemon/ls/quota_reader.h"
#include "tests/daemon/ls/child.h"
#include "tests/daemon/ls/doubles.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr const char* kReset = "2038-01-01T00:00:00Z";

class OneEndpoint final : public EndpointSource {
 public:
  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const override { return there; }
  [[nodiscard]] std::string unavailable_reason() const override { return ""; }
  std::shared_ptr<const Endpoint> there;
};

class QuotaOfDoubles : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!built_doubles()) {
      GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
    }
  }
  void start(FakeIde::Knobs knobs, const Words& more = {}) {
    knobs.emplace_back("quota_reset", kReset);
    ide_ = std::make_unique<FakeIde>(nullptr, GetParam(), knobs, more);
    source_.there = ide_->endpoint();
    ASSERT_NE(source_.there->port, 0) << "fake-ide did not start";
    QuotaReader::Options options;
    options.pace = {0s, 0s};
    options.call_limit = limit_;
    reader_.emplace(io_.get_executor(), &source_, std::move(options));
  }
  Result<QuotaReading> read() {
    std::optional<Result<QuotaReading>> out;
    io_.restart();  // it stops whenever it has nothing to do
    asio::co_spawn(io_, reader_->read(),
                   [&](std::exception_ptr, auto value) { out.emplace(std::move(value)); });
    while (!out) {
      io_.run_one();
    }
    return std::move(*out);
  }
  /// The login arrives a moment after the port, perhaps between two methods: the first has the
  /// plan.
  Account account() {
    while (true) {
      const auto reading = read();
      if (reading && !reading->account->plan.name.empty()) {
        return *reading->account;
      }
      if (!reading && reading.error().code != Errc::failed_precondition) {
        ADD_FAILURE() << reading.error().text();
        return {};
      }
    }
  }

  std::chrono::steady_clock::duration limit_ = 10s;
  std::unique_ptr<FakeIde> ide_;
  asio::io_context io_;
  OneEndpoint source_;
  std::optional<QuotaReader> reader_;
};

TEST_P(QuotaOfDoubles, EachModelHasItsShare) {
  for (const char* omit : {"on", "off"}) {
    start({{"quota", "MODEL_PLACEHOLDER_M18=0"}, {"omit_zero", omit}});
    const auto known = account();
    ASSERT_GT(known.models.size(), 1U);
    for (const auto& each : known.models) {
      const auto expected =
          each.model.enum_name == "MODEL_PLACEHOLDER_M18" ? Fraction::none() : Fraction::of(0.8);
      EXPECT_EQ(each.allowance.remaining, expected) << each.id;
      EXPECT_EQ(each.allowance.resets_at, kReset);
    }
    EXPECT_TRUE(known.pools.empty()) << "an IDE's language server names none";
  }
}

TEST_P(QuotaOfDoubles, WhatIsNoFigureIsNoNumber) {
  for (const auto& [answers, why] :
       {std::pair("placeholder", Unknown::placeholder), std::pair("none", Unknown::not_given)}) {
    start({{"quota_answers", answers}});
    const auto known = account();
    ASSERT_FALSE(known.models.empty());
    for (const auto& each : known.models) {
      EXPECT_FALSE(each.allowance.remaining) << answers << " " << each.id;
      EXPECT_EQ(each.allowance.unknown, why) << answers << " " << each.id;
    }
  }
}

TEST_P(QuotaOfDoubles, PoolsAreReadWhereTheyAreNamed) {
  for (const char* nested : {"off", "on"}) {
    start({{"quota_summary", "on"},
           {"quota_nested", nested},
           {"quota_buckets", "gemini-5h=0.75,3p-weekly=0"}});
    const auto known = account();
    ASSERT_EQ(known.pools.size(), 2U);
    EXPECT_EQ(known.pools[0].buckets.at(0).window, "5h");
    EXPECT_EQ(known.pools[0].buckets.at(0).allowance.remaining, Fraction::of(0.75));
    EXPECT_EQ(known.pools[1].buckets.at(0).window, "weekly");
    EXPECT_EQ(known.pools[1].buckets.at(0).allowance.remaining, Fraction::none());
  }
}

TEST_P(QuotaOfDoubles, WithoutALoginThereIsNoneWhetherItFailsOrHangs) {
  for (const char* how : {"500", "hang"}) {
    // Long enough for the methods that do answer, however busy the machine is.
    limit_ = std::string(how) == "hang" ? std::chrono::steady_clock::duration(3s) : 10s;
    start({{"logged_out", how}, {"own_login", "off"}}, {"--logged-out"});
    const auto reading = read();
    ASSERT_FALSE(reading) << how;
    EXPECT_EQ(reading.error().code, Errc::failed_precondition) << how;
  }
}

INSTANTIATE_TEST_SUITE_P(Eras, QuotaOfDoubles, ::testing::Values("e1", "e2", "e3"));

using QuotaOfTheHub = QuotaOfDoubles;

TEST_P(QuotaOfTheHub, HasPools) {
  start({}, {"--hub"});
  const auto known = account();
  ASSERT_EQ(known.pools.size(), 2U);
  EXPECT_EQ(known.pools[0].buckets.size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Third, QuotaOfTheHub, ::testing::Values("e3"));

}  // namespace
}  // namespace agp::ls
