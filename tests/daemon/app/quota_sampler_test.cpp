#include "daemon/app/quota_sampler.h"

#include "daemon/api/quota_history.h"
#include "daemon/app/logins.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/ledger/rig.h"
#include "tests/daemon/ls/fake_connect_server.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

namespace agp::app {
namespace {

using namespace std::chrono_literals;

const auto kNow = std::chrono::system_clock::time_point(std::chrono::seconds(1'795'320'000));

ls::ModelQuota model(std::string id, ls::Allowance allowance) {
  return {{id, "MODEL_X", false, false}, id, std::move(allowance)};
}

ls::QuotaReading reading() {
  auto account = std::make_shared<ls::Account>();
  account->models = {
      model("known", {ls::Fraction::of(0.25), {}, "2026-11-22T05:00:00Z"}),
      model("endless", {ls::Fraction::of(0.5), {}, ""}),
      model("empty", {ls::Fraction::none(), {}, "2026-11-22T05:00:00Z"}),
      model("placeholder", {std::nullopt, ls::Unknown::placeholder, "2026-11-22T05:00:00Z"}),
      model("over", {ls::Fraction::of(1), {}, "2026-11-22T04:00:00Z"}),
  };
  account->pools = {{"Gemini Models",
                     {{"gemini-5h", "Five", "", "5h", {ls::Fraction::of(0.75), {}, ""}},
                      {"gemini-weekly", "Week", "", "weekly", {std::nullopt, {}, ""}}}}};
  return {std::move(account), 1000, kNow, std::nullopt};
}

TEST(QuotaSampler, KeepsWhatIsKnownAndNothingElse) {
  const auto samples = samples_of(reading());
  ASSERT_EQ(samples.size(), 4U);
  EXPECT_EQ(samples[0].series, (quota::Series{1000, quota::Kind::model, "known", "known", ""}));
  EXPECT_EQ(samples[0].point.remaining, 0.25);
  EXPECT_EQ(samples[0].point.at, kNow);
  EXPECT_EQ(samples[0].point.resets_at, kNow + 1h);
  EXPECT_FALSE(samples[1].point.resets_at);
  EXPECT_EQ(samples[2].point.remaining, 0) << "nothing is left, which is known";
  EXPECT_EQ(samples[3].series,
            (quota::Series{1000, quota::Kind::pool, "gemini-5h", "Gemini Models", "5h"}));
}

TEST(QuotaSampler, WhatIsNobodysIsNotKept) {
  auto nobodys = reading();
  nobodys.owner.reset();
  EXPECT_TRUE(samples_of(nobodys).empty());
}

TEST(QuotaSampler, HandsEachAnswerToTheLedger) {
  boost::asio::io_context io;
  api::test::FakeLedger ledger;
  QuotaSampler sampler(io.get_executor(), &ledger, 5min);
  sampler.on_answer(reading());
  EXPECT_EQ(ledger.sampled.size(), 4U);
}

class OneEndpoint final : public ls::EndpointSource {
 public:
  explicit OneEndpoint(std::uint16_t port) : endpoint_(std::make_shared<ls::Endpoint>()) {
    endpoint_->instance = "one";
    endpoint_->port = port;
    endpoint_->csrf_token = Secret<std::string>("token");
  }
  [[nodiscard]] std::shared_ptr<const ls::Endpoint> endpoint() const override { return endpoint_; }
  [[nodiscard]] std::string unavailable_reason() const override { return ""; }

 private:
  std::shared_ptr<ls::Endpoint> endpoint_;
};

// Language server, reader, sampler, ledger and answer together: its quota falls with each look.
TEST(QuotaSampler, AFallAndTheCallThatMadeItAreFoundTogether) {
  boost::asio::io_context io;
  boost::asio::thread_pool pool(1);
  const ledger::test::TempDir dir;
  auto kept = ledger::SqliteLedger::start(ledger::test::options_for(dir.file()));
  int looks = 0;
  ls::FakeConnectServer server(&io, [&](const ls::FakeConnectServer::Call& call) {
    if (call.method != "GetUserStatus") {
      return ls::FakeConnectServer::Reply{404, ""};
    }
    return ls::FakeConnectServer::Reply{
        200, R"({"userStatus":{"cascadeModelConfigData":{"clientModelConfigs":[)"
             R"({"label":"Gemini 3 Flash","modelOrAlias":{"model":"MODEL_A"},)"
             R"("quotaInfo":{"remainingFraction":0.)" +
                 std::to_string(9 - ++looks) + R"(,"resetTime":"2126-12-01T00:00:00Z"}}]}}})"};
  });
  const OneEndpoint source(server.port());
  QuotaSampler sampler(io.get_executor(), kept.get(), 1ms);
  ls::QuotaReader::Options options;
  options.pace.after_success = 0s;
  options.owner = [] {
    return std::optional<std::uint32_t>(1000);
  };
  options.on_answer = [&](const ls::QuotaReading& each) {
    sampler.on_answer(each);
  };
  ls::QuotaReader reader(io.get_executor(), &source, std::move(options));
  sampler.ask(&reader);
  const auto began =
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto measure = [&] {
    usage::Record call;
    call.api = usage::Api::code_assist;
    call.owner_uid = 1000;
    call.started_at = call.ended_at =
        std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    call.model = "gemini-3-flash";
    kept->append(call);
    sampler.on_call();
  };
  const auto look_until = [&](int wanted) {
    while (kept->quota({})->empty() ||
           kept->quota({})->front().points.size() < static_cast<std::size_t>(wanted)) {
      io.run_one();
    }
  };
  measure();
  look_until(1);
  measure();
  look_until(2);
  sampler.stop();

  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto why =
      api::why_document(*kept, {began, now + 1s, std::vector<std::uint32_t>{1000}}, now);
  ASSERT_TRUE(why) << why.error().text();
  EXPECT_NE(why->find(R"("name":"gemini-3-flash")"), std::string::npos) << *why;
  EXPECT_NE(why->find(R"("key":"gemini-3-flash")"), std::string::npos) << *why;
  EXPECT_NE(why->find(R"("fell_without_calls":0E0)"), std::string::npos) << *why;

  Logins::Sources from;
  from.reader = &reader;
  from.now = [&] {
    return now;
  };
  from.ledger = kept.get();
  from.pool = &pool;
  Logins logins(std::move(from));
  std::optional<std::variant<api::QuotaAnswer, api::ApiError>> quota;
  boost::asio::co_spawn(io, logins.quota(), [&](std::exception_ptr bug, auto answer) {
    EXPECT_FALSE(bug);
    quota.emplace(std::move(answer));
  });
  while (!quota) {
    io.run_one();
  }
  const auto& answer = std::get<api::QuotaAnswer>(*quota);
  ASSERT_EQ(answer.history.size(), 1U);
  EXPECT_GE(answer.history[0].points.size(), 3U) << "what was just read is there as well";
}

TEST(QuotaSampler, WithoutAnybodyToAskItWaitsForNothing) {
  boost::asio::io_context io;
  api::test::FakeLedger ledger;
  QuotaSampler sampler(io.get_executor(), &ledger, 5min);
  sampler.on_call();
  EXPECT_EQ(io.run(), 0U);
}

}  // namespace
}  // namespace agp::app
