#include "daemon/api/turn_meter.h"

#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

const usage::Micros kStart = test::full_record().started_at;

usage::Record record_of(const std::string& response_id) {
  auto record = test::full_record();
  record.id.clear();
  record.response_id = response_id;
  return record;
}

class TurnMeterTest : public ::testing::Test {
 protected:
  // The answer, with `meanwhile` done as soon as the meter has asked for the first time.
  std::optional<ledger::Sums> measure(TurnSpan span,
                                      std::chrono::milliseconds limit,
                                      std::function<void()> meanwhile = {}) {
    asio::io_context io{1};
    asio::thread_pool pool{1};
    auto meter = TurnMeter::create({&io, &pool, &ledger_});
    std::optional<ledger::Sums> out;
    bool has_ended = false;
    asio::co_spawn(io, TurnMeter::measure(meter, std::move(span), limit),
                   [&](const std::exception_ptr& problem, std::optional<ledger::Sums> sums) {
                     EXPECT_FALSE(problem);
                     out = std::move(sums);
                     has_ended = true;
                   });
    while (!has_ended && io.run_one() > 0) {
      if (meanwhile) {
        std::exchange(meanwhile, nullptr)();
      }
    }
    pool.join();
    return out;
  }

  test::MemoryLedger ledger_;
};

TEST_F(TurnMeterTest, SumsTheCallsOfTheTurnAlone) {
  auto earlier = record_of("r-0");
  earlier.started_at = kStart - 1us;
  auto foreign = record_of("r-9");
  foreign.cascade_id = "c-2";
  for (auto record : {earlier, foreign, record_of("r-1"), record_of("r-2")}) {
    ledger_.append(std::move(record));
  }
  const auto sums = measure({"c-1", kStart, {"r-2", "r-1"}, 2}, 60s);
  ASSERT_TRUE(sums);
  EXPECT_EQ(sums->calls, 2U);
  EXPECT_EQ(sums->usage_unknown, 0U);
}

TEST_F(TurnMeterTest, WaitsForTheRecordOfACallThatIsKnown) {
  ledger_.append(record_of("r-1"));
  const auto by_name = measure({"c-1", kStart, {"r-1", "r-2"}, 0}, 60s,
                               [this] { ledger_.append(record_of("r-2")); });
  EXPECT_EQ(by_name.value().calls, 2U);
  const auto by_count =
      measure({"c-1", kStart, {}, 3}, 60s, [this] { ledger_.append(record_of("r-3")); });
  EXPECT_EQ(by_count.value().calls, 3U);
}

TEST_F(TurnMeterTest, ACallThatIsNeverSeenIsOneOfUnknownUsage) {
  ledger_.append(record_of("r-1"));
  const auto sums = measure({"c-1", kStart, {"r-1", "r-2"}, 2}, 0ms);
  EXPECT_EQ(sums.value().calls, 2U);
  EXPECT_EQ(sums.value().usage_unknown, 1U);
}

TEST_F(TurnMeterTest, NothingIsKnownOfATurnWithoutCalls) {
  EXPECT_FALSE(measure({"c-1", kStart, {}, 0}, 0ms));
  EXPECT_FALSE(measure({"", kStart, {}, 0}, 60s));
}

TEST_F(TurnMeterTest, ALedgerThatCannotBeReadIsNotWaitedFor) {
  ledger_.append(record_of("r-1"));
  ledger_.fail_from(1);
  EXPECT_FALSE(measure({"c-1", kStart, {"r-2"}, 0}, 60s));
}

TEST_F(TurnMeterTest, LooksThroughAllPages) {
  for (int i = 0; i < 450; ++i) {
    ledger_.append(record_of("r-" + std::to_string(i)));
  }
  const TurnSpan span{"c-1", kStart, {"r-449", "r-0"}, 0};
  EXPECT_EQ(missing_calls(ledger_, span, 450).value(), 0U);
}

}  // namespace
}  // namespace agp::api
