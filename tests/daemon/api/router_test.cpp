#include "daemon/api/router.h"

#include "tests/daemon/api/asked.h"
#include "tests/daemon/api/fake_ledger.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using test::request;
using test::root;

unsigned refusal_for(const Request& asked, const Visibility& who) {
  const auto route = route_head(asked, who);
  return route.refusal ? route.refusal->status : 0;
}

Response run(const Request& asked, ledger::Ledger& ledger) {
  auto step = handle(asked, root(), {});
  if (auto* job = std::get_if<LedgerJob>(&step)) {
    return job->run(ledger);
  }
  const auto* response = std::get_if<Response>(&step);
  EXPECT_NE(response, nullptr);
  return response == nullptr ? Response{} : *response;
}

// threat-model 69
TEST(Router, HealthIsForEveryoneAndSaysNothingElse) {
  EXPECT_EQ(refusal_for(request("GET", "/health"), Visibility{}), 0U);
  test::FakeLedger ledger;
  EXPECT_EQ(run(request("GET", "/health"), ledger).body, "{\"status\":\"ok\"}\n");
}

// threat-model 69
TEST(Router, EverythingElseNeedsACaller) {
  Visibility refused;
  refused.access = Visibility::Access::refused;
  for (const char* path : {"/v1/usage", "/v1/usage/records", "/v1/status", "/nothing"}) {
    EXPECT_EQ(refusal_for(request("GET", path), Visibility{}), 401U);
    EXPECT_EQ(refusal_for(request("GET", path), refused), 403U);
  }
}

TEST(Router, WhoIsRefusedIsToldApartFromWhatIs) {
  EXPECT_TRUE(route_head(request("GET", "/v1/usage"), Visibility{}).is_caller_refused);
  EXPECT_FALSE(route_head(request("GET", "/health"), Visibility{}).is_caller_refused);
  EXPECT_FALSE(route_head(request("GET", "/nothing"), root()).is_caller_refused);
}

TEST(Router, UnknownPathsAndMethods) {
  EXPECT_EQ(refusal_for(request("GET", "/page"), root()), 404U);
  EXPECT_EQ(refusal_for(request("GET", "/v1/usage/"), root()), 404U);
  EXPECT_EQ(refusal_for(request("POST", "/v1/usage"), root()), 405U);
  EXPECT_EQ(refusal_for(request("GET", "/v1/responses"), root()), 405U);
}

TEST(Router, WhatIsKnownOfLoginsIsAskedFor) {
  for (const auto& [path, about] :
       {std::pair("/v1/quota", LoginJob::About::quota),
        std::pair("/v1/models", LoginJob::About::models),
        std::pair("/v1/sessions", LoginJob::About::sessions),
        std::pair("/v1/models/gemini-3-flash", LoginJob::About::models)}) {
    EXPECT_EQ(refusal_for(request("GET", path), root()), 0U) << path;
    EXPECT_EQ(refusal_for(request("POST", path), root()), 405U) << path;
    EXPECT_EQ(refusal_for(request("GET", path), Visibility{}), 401U) << path;
    const auto step = handle(request("GET", path), root(), {});
    const auto* job = std::get_if<LoginJob>(&step);
    ASSERT_NE(job, nullptr) << path;
    EXPECT_EQ(job->about, about) << path;
    EXPECT_FALSE(job->who.uids);
  }
  const auto one = handle(request("GET", "/v1/models/a/b"), root(), {});
  EXPECT_EQ(std::get<LoginJob>(one).model, "a/b");
  EXPECT_TRUE(route_head(request("GET", "/v1/models"), root()).openai_shape);
  EXPECT_FALSE(route_head(request("GET", "/v1/quota"), root()).openai_shape);
}

TEST(Router, HowQuotasWentIsReadFromTheLedger) {
  test::FakeLedger ledger;
  for (const auto& [path, schema] :
       {std::pair("/v1/quota/history", "quota-history.v1"), std::pair("/v1/why", "why.v1")}) {
    EXPECT_EQ(refusal_for(request("GET", path), root()), 0U) << path;
    EXPECT_EQ(refusal_for(request("POST", path), root()), 405U) << path;
    EXPECT_EQ(refusal_for(request("GET", path), Visibility{}), 401U) << path;
    const auto answer = run(request("GET", path), ledger);
    EXPECT_EQ(answer.status, 200U);
    EXPECT_NE(answer.body.find(schema), std::string::npos) << answer.body;
    auto wrong = request("GET", path);
    wrong.query = {{"colour", "red"}};
    EXPECT_EQ(run(wrong, ledger).status, 400U) << path;
  }
  ledger.courses = Error{ledger::Errc::damaged, "test"};
  EXPECT_EQ(run(request("GET", "/v1/why"), ledger).status, 503U);
}

TEST(Router, AnUnknownKeyIsToldHowToGetOne) {
  Visibility who;
  who.access = Visibility::Access::unknown_key;
  const auto route = route_head(request("GET", "/v1/usage"), who);
  ASSERT_TRUE(route.refusal);
  EXPECT_EQ(route.refusal->status, 401U);
  EXPECT_EQ(route.refusal->code, "key_unknown");
  EXPECT_NE(route.refusal->hint.find("API KEYS"), std::string::npos);
}

TEST(Router, OnlyTheSessionsOwnerMayDrive) {
  auto other = root();
  other.may_drive = false;
  other.is_session_there = true;
  const auto route = route_head(request("POST", "/v1/responses"), other);
  ASSERT_TRUE(route.refusal.has_value());
  EXPECT_EQ(route.refusal->status, 403U);
  EXPECT_TRUE(route.openai_shape);
  EXPECT_TRUE(route_head(request("POST", "/v1/responses"), root()).wants_body);
  const auto chat = route_head(request("POST", "/v1/chat/completions"), other);
  EXPECT_TRUE(chat.refusal.has_value());
  EXPECT_TRUE(chat.openai_shape);
}

TEST(Router, WithoutASessionThereIsNothingToDriveForAnybody) {
  auto other = root();
  other.may_drive = false;
  for (const char* path : {"/v1/responses", "/v1/chat/completions"}) {
    const auto route = route_head(request("POST", path), other);
    ASSERT_TRUE(route.refusal.has_value()) << path;
    EXPECT_EQ(route.refusal->status, 503U) << path;
    EXPECT_EQ(route.refusal->code, "language_server_unavailable") << path;
    EXPECT_NE(route.refusal->hint.find("start the IDE"), std::string::npos) << path;
    EXPECT_TRUE(route.openai_shape) << path;
  }
}

TEST(Router, AWrongParameterIsABadRequest) {
  auto asked = request("GET", "/v1/usage");
  asked.query = {{"colour", "red"}};
  test::FakeLedger ledger;
  const auto response = run(asked, ledger);
  EXPECT_EQ(response.status, 400U);
  EXPECT_NE(response.body.find("colour"), std::string::npos);
}

TEST(Router, AFailingLedgerIsUnavailableWithoutInnerWords) {
  test::FakeLedger ledger;
  ledger.report = Error(ledger::Errc::damaged, "open /secret/path");
  const auto response = run(request("GET", "/v1/usage"), ledger);
  EXPECT_EQ(response.status, 503U);
  EXPECT_EQ(response.body.find("/secret/path"), std::string::npos);
}

TEST(Router, RecordsComeInPages) {
  test::FakeLedger ledger;
  auto asked = request("GET", "/v1/usage/records");
  asked.query = {{"limit", "3"}};
  EXPECT_EQ(run(asked, ledger).status, 200U);
  EXPECT_EQ(ledger.asked_page.limit, 3U);
}

TEST(Router, ATurnIsHandedOver) {
  auto asked = request("POST", "/v1/responses");
  asked.body = R"({"model":"m","input":"Hi"})";
  auto step = handle(asked, root(), {});
  EXPECT_NE(std::get_if<TurnJob>(&step), nullptr);
  asked.body = "{}";
  step = handle(asked, root(), {});
  const auto* response = std::get_if<Response>(&step);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->status, 400U);
  EXPECT_NE(response->body.find("\"param\":\"model\""), std::string::npos);
}

}  // namespace
}  // namespace agp::api
