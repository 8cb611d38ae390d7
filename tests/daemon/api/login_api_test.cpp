#include "daemon/api/login_api.h"

#include <memory>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

namespace json = boost::json;

const usage::Micros kNow{std::chrono::seconds(1'795'320'000)};  // 2026-11-22T04:00:00Z

Visibility all() {
  Visibility who;
  who.access = Visibility::Access::granted;
  who.uids = std::nullopt;
  return who;
}

Visibility user(std::uint32_t uid) {
  Visibility who;
  who.access = Visibility::Access::granted;
  who.uids = std::vector<std::uint32_t>{uid};
  return who;
}

ls::ModelQuota model(const std::string& label, ls::Allowance allowance) {
  return {{label, "MODEL_X", false, false}, ls::slug(label), std::move(allowance)};
}

QuotaAnswer quota() {
  auto account = std::make_shared<ls::Account>();
  account->plan.name = "Pro";
  account->plan.available_prompt_credits = 0;
  account->models = {
      model("A B", {ls::Fraction::of(0.25), {}, "2026-11-22T05:00:00Z"}),
      model("Placeholder", {std::nullopt, ls::Unknown::placeholder, ""}),
      model("Over", {ls::Fraction::of(1), {}, "2026-11-22T04:00:00Z"}),
      model("Odd", {ls::Fraction::of(0), {}, "soon"}),
  };
  account->pools = {{"P", {{"p-5h", "Five Hour Limit", "", "5h", {ls::Fraction::none(), {}, ""}}}}};
  QuotaAnswer out;
  out.account = std::move(account);
  out.owner = 1000;
  out.read_at = kNow - std::chrono::seconds(90);
  return out;
}

json::object parsed(const Document& document) {
  const auto* text = std::get_if<std::string>(&document);
  EXPECT_NE(text, nullptr);
  return text == nullptr ? json::object() : json::parse(*text).as_object();
}

unsigned status_of(const Document& document) {
  const auto* refusal = std::get_if<ApiError>(&document);
  return refusal == nullptr ? 200 : refusal->status;
}

TEST(QuotaDocument, ANumberIsThereOnlyWhereItIsKnown) {
  const auto document = parsed(quota_document(quota(), all(), kNow));
  EXPECT_EQ(document.at("schema"), "antigravity-proxy.quota.v1");
  EXPECT_EQ(document.at("state"), "current");
  EXPECT_EQ(document.at("age_seconds"), 90);
  EXPECT_EQ(document.at("uid"), 1000);
  EXPECT_EQ(document.at("plan").at("available_prompt_credits"), 0);
  EXPECT_TRUE(document.at("plan").at("tier_id").is_null());
  const auto& models = document.at("models").as_array();
  EXPECT_EQ(models[0].at("id"), "a-b");
  EXPECT_EQ(models[0].at("remaining_fraction"), 0.25);
  EXPECT_EQ(models[0].at("resets_at"), "2026-11-22T05:00:00Z");
  EXPECT_EQ(models[0].at("resets_in_seconds"), 3600);
  EXPECT_TRUE(models[0].at("unknown_because").is_null());
  EXPECT_TRUE(models[1].at("remaining_fraction").is_null());
  EXPECT_EQ(models[1].at("unknown_because"), "placeholder");
  EXPECT_TRUE(models[1].at("resets_at").is_null());
  const auto& bucket = document.at("pools").as_array()[0].at("buckets").as_array()[0];
  EXPECT_EQ(bucket.at("window"), "5h");
  EXPECT_EQ(bucket.at("remaining_fraction"), 0.0);
}

TEST(QuotaDocument, WhatWasLeftOfAWindowSaysNothingAfterItsEnd) {
  const auto models = parsed(quota_document(quota(), all(), kNow)).at("models").as_array();
  EXPECT_TRUE(models[2].at("remaining_fraction").is_null());
  EXPECT_EQ(models[2].at("unknown_because"), "window_over");
  EXPECT_TRUE(models[2].at("resets_in_seconds").is_null());
  EXPECT_EQ(models[3].at("remaining_fraction"), 0.0) << "its time is not understood";
  EXPECT_TRUE(models[3].at("resets_at").is_null());
}

TEST(QuotaDocument, AForecastStandsBesideWhatIsKnownAndNowhereElse) {
  const auto course = [](quota::Kind kind, const char* id) {
    quota::Course out{{1000, kind, id, id, ""}, {}};
    for (const int minute : {-60, -30, -1}) {
      out.points.push_back({kNow + std::chrono::minutes(minute), 0.5 - 0.004 * (minute + 60),
                            kNow + std::chrono::hours(4)});
    }
    return out;
  };
  auto answer = quota();
  answer.history = {course(quota::Kind::model, "a-b"), course(quota::Kind::model, "placeholder"),
                    course(quota::Kind::pool, "p-5h"), course(quota::Kind::pool, "over")};
  const auto document = parsed(quota_document(answer, all(), kNow));
  const auto& models = document.at("models").as_array();
  EXPECT_EQ(models[0].at("forecast").at("basis_seconds"), 59 * 60);
  EXPECT_NEAR(models[0].at("forecast").at("rate_per_hour").as_double(), 0.24, 1e-9);
  EXPECT_EQ(models[0].at("forecast").at("empty_at"), "2026-11-22T05:05:00Z");
  EXPECT_TRUE(models[1].at("forecast").is_null()) << "a share that is not known";
  EXPECT_TRUE(models[2].at("forecast").is_null()) << "that is a pool of the same name";
  const auto& bucket = document.at("pools").as_array()[0].at("buckets").as_array()[0];
  EXPECT_TRUE(bucket.at("forecast").is_object());
}

TEST(QuotaDocument, IsForItsOwnerAndThoseWhoSeeAll) {
  EXPECT_EQ(status_of(quota_document(quota(), user(1000), kNow)), 200U);
  EXPECT_EQ(status_of(quota_document(quota(), user(1001), kNow)), 403U);
  auto nobodys = quota();
  nobodys.owner.reset();
  EXPECT_EQ(status_of(quota_document(nobodys, user(1000), kNow)), 403U);
  EXPECT_EQ(status_of(quota_document(nobodys, all(), kNow)), 200U);
}

TEST(QuotaDocument, WhatIsOldSaysWhyAndHowOld) {
  auto old = quota();
  old.problem = Problem{"language_server_silent", "m", "r"};
  const auto document = parsed(quota_document(old, user(1000), kNow));
  EXPECT_EQ(document.at("state"), "stale");
  EXPECT_EQ(document.at("problem").at("code"), "language_server_silent");
  EXPECT_EQ(status_of(quota_document(no_language_server(), all(), kNow)), 503U);
}

ModelsAnswer models(openai::ModelSource source) {
  ModelsAnswer out;
  out.models = {{"a-b", "A B", true}};
  out.source = source;
  out.known_since = kNow;
  if (source == openai::ModelSource::language_server) {
    out.owner = 1000;
  }
  return out;
}

TEST(ModelsDocument, IsTheListOfOpenai) {
  const auto list =
      parsed(models_document(models(openai::ModelSource::language_server), user(1000)));
  EXPECT_EQ(list.at("object"), "list");
  const auto& first = list.at("data").as_array()[0];
  EXPECT_EQ(first.at("id"), "a-b");
  EXPECT_EQ(first.at("object"), "model");
  EXPECT_EQ(first.at("created"), 1'795'320'000);
  EXPECT_EQ(first.at("owned_by"), "antigravity");
  EXPECT_EQ(first.at("antigravity_proxy").at("display_name"), "A B");
  EXPECT_EQ(list.at("antigravity_proxy").at("source"), "language_server");
  EXPECT_TRUE(list.at("antigravity_proxy").at("problem").is_null());
}

TEST(ModelsDocument, ACatalogueIsMarkedAndForEveryone) {
  auto answer = models(openai::ModelSource::catalogue);
  answer.problem = Problem{"c", "nobody to ask", "start the IDE"};
  const auto list = parsed(models_document(answer, user(7)));
  EXPECT_EQ(list.at("antigravity_proxy").at("source"), "catalogue");
  EXPECT_EQ(list.at("antigravity_proxy").at("problem"), "nobody to ask");
  EXPECT_EQ(list.at("antigravity_proxy").at("remedy"), "start the IDE");
}

TEST(ModelsDocument, TheModelsOfALoginAreForItsOwner) {
  const auto answer = models(openai::ModelSource::language_server);
  EXPECT_EQ(status_of(models_document(answer, user(1001))), 403U);
  EXPECT_EQ(status_of(models_document(answer, all())), 200U);
}

TEST(ModelsDocument, OneModelByItsName) {
  const auto answer = models(openai::ModelSource::language_server);
  EXPECT_EQ(parsed(models_document(answer, all(), "a-b")).at("id"), "a-b");
  const auto unknown = models_document(answer, all(), "gpt-9");
  EXPECT_EQ(status_of(unknown), 404U);
  EXPECT_EQ(std::get<ApiError>(unknown).code, "model_not_found");
}

ls::SessionInfo session(pid_t pid, std::uint32_t uid) {
  ls::SessionInfo out;
  out.pid = pid;
  out.uid = uid;
  out.since = std::chrono::system_clock::time_point(std::chrono::seconds(1'795'320'000));
  out.workspace_id = "file_home_\xFF";
  return out;
}

TEST(SessionsDocument, EveryoneSeesTheirOwn) {
  const ls::SessionList sessions{{session(1, 1000), session(2, 1001)}};
  EXPECT_EQ(parsed(sessions_document(sessions, all(), kNow)).at("sessions").as_array().size(), 2U);
  const auto own = parsed(sessions_document(sessions, user(1001), kNow)).at("sessions").as_array();
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].at("pid"), 2);
  EXPECT_TRUE(own[0].at("era").is_null());
  EXPECT_EQ(own[0].at("kind"), "ide");
  EXPECT_EQ(own[0].at("since"), "2026-11-22T04:00:00Z");
  EXPECT_EQ(own[0].at("workspace_id"), "file_home_\xEF\xBF\xBD");
  EXPECT_TRUE(parsed(sessions_document(sessions, user(7), kNow)).at("sessions").as_array().empty());
}

}  // namespace
}  // namespace agp::api
