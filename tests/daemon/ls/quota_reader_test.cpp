#include "daemon/ls/quota_reader.h"

#include "daemon/ls/errors.h"
#include "tests/daemon/ls/fake_connect_server.h"

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
using Call = FakeConnectServer::Call;
using Reply = FakeConnectServer::Reply;

constexpr const char* kStatus =
    R"({"userStatus":{"cascadeModelConfigData":{"clientModelConfigs":[{"label":"A",)"
    R"("modelOrAlias":{"model":"MODEL_A"},"quotaInfo":{"remainingFraction":0.5}}]}}})";
constexpr const char* kNotSignedIn =
    R"({"code":"unknown","message":"You are not logged into Antigravity"})";

class OneEndpoint final : public EndpointSource {
 public:
  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const override { return there; }
  [[nodiscard]] std::string unavailable_reason() const override { return "start the IDE"; }
  std::shared_ptr<const Endpoint> there;
};

class QuotaReaderTest : public ::testing::Test {
 protected:
  void start(FakeConnectServer::Answer answer) {
    server_.emplace(&io_, std::move(answer));
    move_to("one");
    QuotaReader::Options options;
    options.call_limit = limit_;
    options.owner = [this] {
      return owner_;
    };
    reader_.emplace(io_.get_executor(), &source_, std::move(options));
  }
  void move_to(const std::string& instance) {
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->instance = instance;
    endpoint->port = server_->port();
    endpoint->csrf_token = Secret<std::string>("token");
    source_.there = std::move(endpoint);
  }
  std::vector<Result<QuotaReading>> read(std::size_t times = 1) {
    std::vector<Result<QuotaReading>> out;
    for (std::size_t i = 0; i < times; ++i) {
      asio::co_spawn(io_, reader_->read(), [&](std::exception_ptr bug, Result<QuotaReading> value) {
        EXPECT_FALSE(bug);
        out.push_back(std::move(value));
      });
    }
    while (out.size() < times) {
      io_.run_one();
    }
    return out;
  }

  asio::io_context io_;
  std::optional<FakeConnectServer> server_;
  OneEndpoint source_;
  std::optional<std::uint32_t> owner_ = 1000;
  // Long enough for a starved machine to answer in, where it must not end first.
  static constexpr auto kSoon = 1500ms;
  std::chrono::steady_clock::duration limit_ = 10s;
  std::optional<QuotaReader> reader_;
};

Reply by_method(const Call& call) {
  if (call.method == "GetUserStatus") {
    return {200, kStatus};
  }
  return {404, ""};
}

TEST_F(QuotaReaderTest, TheLanguageServerIsAskedOnceHoweverManyAsk) {
  start(by_method);
  for (const auto& reading : read(5)) {
    ASSERT_TRUE(reading) << reading.error().text();
    EXPECT_EQ(reading->account->models[0].allowance.remaining, Fraction::of(0.5));
    EXPECT_EQ(reading->owner, 1000U);
  }
  (void)read();
  EXPECT_EQ(server_->count("GetUserStatus"), 1U);
  EXPECT_EQ(server_->count("RetrieveUserQuotaSummary"), 1U);
}

TEST_F(QuotaReaderTest, WhatIsKnownIsToldWithoutAsking) {
  start(by_method);
  EXPECT_FALSE(reader_->last_reading());
  EXPECT_EQ(server_->count("GetUserStatus"), 0U);
  (void)read();
  const auto reading = reader_->last_reading();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->account->models[0].allowance.remaining, Fraction::of(0.5));
  owner_ = 1001;
  EXPECT_FALSE(reader_->last_reading()) << "it is another login's";
  EXPECT_EQ(server_->count("GetUserStatus"), 1U);
}

TEST_F(QuotaReaderTest, ASummaryIsAddedWhereThereIsOne) {
  start([](const Call& call) -> Reply {
    if (call.method == "RetrieveUserQuotaSummary") {
      return {200, R"({"response":{"groups":[{"displayName":"P","buckets":[{"bucketId":"b-5h",)"
                   R"("remainingFraction":0.1,"resetTime":"x"}]}]}})"};
    }
    return by_method(call);
  });
  const auto reading = read()[0];
  ASSERT_TRUE(reading);
  ASSERT_EQ(reading->account->pools.size(), 1U);
  EXPECT_EQ(reading->account->pools[0].buckets[0].allowance.remaining, Fraction::of(0.1));
}

TEST_F(QuotaReaderTest, TheOtherMethodsAreAskedWhereTheFirstHasNothing) {
  start([](const Call& call) -> Reply {
    if (call.method == "GetUserStatus") {
      return {200, R"({"userStatus":{"planStatus":{"planInfo":{"planName":"Pro"}}}})"};
    }
    if (call.method == "GetCommandModelConfigs") {
      return {200, R"({"clientModelConfigs":[{"label":"A","modelOrAlias":{"model":"MODEL_A"},)"
                   R"("quotaInfo":{"resetTime":"x"}}]})"};
    }
    return {404, ""};
  });
  const auto reading = read()[0];
  ASSERT_TRUE(reading) << reading.error().text();
  EXPECT_EQ(reading->account->plan.name, "Pro");
  EXPECT_EQ(reading->account->models[0].allowance.remaining, Fraction::none());
}

TEST_F(QuotaReaderTest, NobodySignedInIsToldFromSilence) {
  start([](const Call& call) -> Reply {
    if (call.method == "GetUserStatus") {
      return {500, kNotSignedIn};
    }
    return {200, "{}"};
  });
  EXPECT_EQ(read()[0].error().code, Errc::failed_precondition);
}

TEST_F(QuotaReaderTest, ALanguageServerThatIsSilentWithoutALoginIsNotWaitedForLong) {
  limit_ = kSoon;
  start([](const Call& call) -> Reply {
    Reply reply;
    reply.never = call.method == "GetUserStatus";
    return reply;
  });
  EXPECT_EQ(read()[0].error().code, Errc::failed_precondition);
}

TEST_F(QuotaReaderTest, OneThatIsSilentAltogetherIsGivenUp) {
  limit_ = kSoon;
  start([](const Call&) {
    Reply reply;
    reply.never = true;
    return reply;
  });
  EXPECT_EQ(read()[0].error().code, Errc::deadline_exceeded);
  EXPECT_EQ(server_->calls().size(), 2U);
}

TEST_F(QuotaReaderTest, WithoutALanguageServerItSaysWhatIsMissing) {
  start(by_method);
  source_.there = nullptr;
  const auto reading = read()[0];
  EXPECT_EQ(reading.error().code, Errc::not_ready);
  EXPECT_EQ(reading.error().context, "start the IDE");
  move_to("two");
  EXPECT_TRUE(read()[0]);
}

TEST_F(QuotaReaderTest, WhatWasReadIsStillThereWhenTheLanguageServerIsGone) {
  start(by_method);
  ASSERT_TRUE(read()[0]);
  source_.there = nullptr;
  owner_.reset();
  const auto reading = read()[0];
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->problem->code, Errc::not_ready);
  EXPECT_EQ(reading->owner, 1000U);
}

TEST_F(QuotaReaderTest, AnotherUsersLanguageServerIsAskedAnew) {
  start(by_method);
  ASSERT_TRUE(read()[0]);
  owner_ = 1001;
  move_to("two");
  const auto reading = read()[0];
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->owner, 1001U);
  EXPECT_EQ(server_->count("GetUserStatus"), 2U);
}

TEST_F(QuotaReaderTest, AnAnswerThatCameForAnotherUserIsThrownAway) {
  start([this](const Call& call) {
    owner_ = 1001;
    return by_method(call);
  });
  EXPECT_FALSE(read()[0]);
  const auto reading = read()[0];
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->owner, 1001U);
}

}  // namespace
}  // namespace agp::ls
