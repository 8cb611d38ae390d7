#include "daemon/app/logins.h"

#include "daemon/ls/errors.h"
#include "tests/daemon/ls/fake_connect_server.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using ls::FakeConnectServer;
using Call = FakeConnectServer::Call;
using Reply = FakeConnectServer::Reply;

class OneEndpoint final : public ls::EndpointSource {
 public:
  [[nodiscard]] std::shared_ptr<const ls::Endpoint> endpoint() const override { return there; }
  [[nodiscard]] std::string unavailable_reason() const override { return "no IDE runs"; }
  std::shared_ptr<const ls::Endpoint> there;
};

class LoginsTest : public ::testing::Test {
 protected:
  template <class T>
  T wait(asio::awaitable<T> task) {
    std::optional<T> out;
    io_.restart();  // it stops whenever it has nothing to do
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr bug, T value) {
      EXPECT_FALSE(bug);
      out.emplace(std::move(value));
    });
    while (!out) {
      io_.run_one();
    }
    return std::move(*out);
  }
  void serve(FakeConnectServer::Answer answer) {
    server_.emplace(&io_, std::move(answer));
    auto endpoint = std::make_shared<ls::Endpoint>();
    endpoint->instance = "one";
    endpoint->port = server_->port();
    endpoint->csrf_token = Secret<std::string>("token");
    source_.there = std::move(endpoint);
  }
  void begin() {
    ls::QuotaReader::Options options;
    options.owner = [] {
      return std::optional<std::uint32_t>(1000);
    };
    reader_.emplace(io_.get_executor(), &source_, std::move(options));
    logins_.ask(&*reader_, [] {
      ls::SessionList list;
      list.sessions.resize(1);
      return list;
    });
  }
  static Logins::Sources sources() {
    Logins::Sources out;
    out.now = [] {
      return usage::Micros(std::chrono::seconds(7));
    };
    return out;
  }

  asio::io_context io_;
  std::optional<FakeConnectServer> server_;
  OneEndpoint source_;
  std::optional<ls::QuotaReader> reader_;
  Logins logins_{sources()};
};

Reply one_model(const Call& call) {
  if (call.method != "GetUserStatus") {
    return {404, ""};
  }
  return {200, R"({"userStatus":{"cascadeModelConfigData":{"clientModelConfigs":[)"
               R"({"label":"Gemini 3 Flash","modelOrAlias":{"model":"MODEL_A"},)"
               R"("isRecommended":true,"quotaInfo":{"resetTime":"2026-12-01T00:00:00Z"}},)"
               R"({"label":"Old","modelOrAlias":{"model":"MODEL_B"},"disabled":true}]}}})"};
}

TEST_F(LoginsTest, AreWhatTheLanguageServerSays) {
  serve(one_model);
  begin();
  const auto quota = wait(logins_.quota());
  ASSERT_NE(std::get_if<api::QuotaAnswer>(&quota), nullptr);
  EXPECT_EQ(std::get<api::QuotaAnswer>(quota).owner, 1000U);
  EXPECT_FALSE(std::get<api::QuotaAnswer>(quota).problem);
  const auto models = wait(logins_.models());
  EXPECT_EQ(models.source, api::openai::ModelSource::language_server);
  ASSERT_EQ(models.models.size(), 1U) << "what is disabled cannot be asked";
  EXPECT_EQ(models.models[0].id, "gemini-3-flash");
  EXPECT_TRUE(models.models[0].is_recommended);
  EXPECT_EQ(models.owner, 1000U);
  EXPECT_EQ(server_->count("GetUserStatus"), 1U);
  EXPECT_EQ(logins_.sessions().sessions.size(), 1U);
}

TEST_F(LoginsTest, WithoutALanguageServerThereIsACatalogueAndAReason) {
  begin();
  const auto quota = wait(logins_.quota());
  const auto* refusal = std::get_if<api::ApiError>(&quota);
  ASSERT_NE(refusal, nullptr);
  EXPECT_EQ(refusal->status, 503U);
  EXPECT_NE(refusal->message.find("no IDE runs"), std::string::npos);
  const auto models = wait(logins_.models());
  EXPECT_EQ(models.source, api::openai::ModelSource::catalogue);
  EXPECT_FALSE(models.models.empty());
  EXPECT_FALSE(models.owner);
  ASSERT_TRUE(models.problem);
  EXPECT_EQ(models.problem->code, "language_server_unavailable");
}

TEST_F(LoginsTest, WithoutSupervisionThereIsNobodyToAsk) {
  const auto quota = wait(logins_.quota());
  ASSERT_NE(std::get_if<api::ApiError>(&quota), nullptr);
  EXPECT_EQ(std::get<api::ApiError>(quota).code, "language_server_off");
  EXPECT_EQ(wait(logins_.models()).source, api::openai::ModelSource::catalogue);
  EXPECT_TRUE(logins_.sessions().sessions.empty());
}

TEST_F(LoginsTest, WhatWasReadStaysWithItsReason) {
  serve(one_model);
  begin();
  (void)wait(logins_.quota());
  source_.there = nullptr;
  const auto quota = wait(logins_.quota());
  ASSERT_NE(std::get_if<api::QuotaAnswer>(&quota), nullptr);
  ASSERT_TRUE(std::get<api::QuotaAnswer>(quota).problem);
  EXPECT_EQ(std::get<api::QuotaAnswer>(quota).problem->code, "language_server_unavailable");
  const auto models = wait(logins_.models());
  EXPECT_EQ(models.source, api::openai::ModelSource::language_server);
  EXPECT_TRUE(models.problem);
}

TEST(Explain, EveryReasonHasSomethingToDo) {
  for (const auto& [code, word] :
       {std::pair(ls::Errc::not_ready, "language_server_unavailable"),
        std::pair(ls::Errc::failed_precondition, "not_signed_in"),
        std::pair(ls::Errc::deadline_exceeded, "language_server_silent"),
        std::pair(ls::Errc::certificate_mismatch, "language_server_failed")}) {
    const auto error = explain({code, "context"});
    EXPECT_EQ(error.code, word);
    EXPECT_EQ(error.status, 503U);
    EXPECT_FALSE(error.message.empty());
    EXPECT_FALSE(error.hint.empty());
  }
}

}  // namespace
}  // namespace agp::app
