#include "daemon/api/login_api.h"
#include "daemon/api/quota_history.h"
#include "daemon/api/record_csv.h"
#include "daemon/api/record_export.h"
#include "daemon/api/record_json.h"
#include "daemon/api/usage_api.h"
#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Answers of the API for tests in another language: NAME is record, records, usage, csv, quota,
// quota-history, why or sessions.

namespace agp::api {
namespace {

constexpr usage::Micros kNow{std::chrono::seconds(1'795'320'000)};

void fill(test::MemoryLedger& ledger) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 300; ++i) {
    auto record = test::random_record(random);
    record.id.clear();
    ledger.append(record);
  }
  ledger.append(usage::Record{});
}

std::string exported(ExportFormat format) {
  test::MemoryLedger ledger;
  fill(ledger);
  ExportQuestion question;
  question.format = format;
  RecordExport records(question, kNow);
  std::string out;
  while (true) {
    auto piece = records.next(ledger);
    if (!piece || !*piece) {
      return out;
    }
    out += **piece;
  }
}

std::string usage_document() {
  const auto question = parse_usage_question(
      {{"group_by", "day,uid,model"}, {"timezone", "Europe/Berlin"}, {"since", "-7d"}},
      Visibility{}, kNow);
  ledger::Report report;
  report.totals = test::some_sums();
  report.totals.cost_pico_usd = 4'948'400'000;
  report.totals.flags = {{"bad_event", 1}};
  report.groups = {{{"2026-11-22", "1000", "gemini-3-flash"}, report.totals},
                   {{"2026-11-22", std::nullopt, std::nullopt}, ledger::Sums{}}};
  return question ? render_usage(report, *question, kNow) : question.error().text();
}

Visibility all() {
  Visibility who;
  who.access = Visibility::Access::granted;
  who.uids = std::nullopt;
  return who;
}

std::string text_of(const Document& document) {
  const auto* text = std::get_if<std::string>(&document);
  return text == nullptr ? std::get<ApiError>(document).message : *text;
}

quota::Point quota_point(int minute, double remaining) {
  return {kNow + std::chrono::minutes(minute), remaining, kNow + std::chrono::hours(1)};
}

std::vector<quota::Course> courses() {
  auto endless = quota_point(-30, 0);
  endless.resets_at.reset();
  return {{{1000, quota::Kind::pool, "p-5h", "P", "5h"},
           {quota_point(-60, 0.9), quota_point(-40, 0.8), quota_point(-2, 0.4)}},
          {{1000, quota::Kind::model, "a", "a", ""},
           {quota_point(-60, 0.9), quota_point(-30, 0.85), quota_point(-1, 0.8)}},
          {{1000, quota::Kind::model, "c", "c", ""}, {endless}}};
}

std::string quota_document_sample() {
  auto account = std::make_shared<ls::Account>();
  account->plan.name = "Pro";
  account->models = {
      {{"A", "MODEL_A", true, false}, "a", {ls::Fraction::of(0.8), {}, "2026-12-01T00:00:00Z"}},
      {{"B", "", false, true}, "b", {std::nullopt, ls::Unknown::placeholder, ""}},
      {{"", "MODEL_C", false, false}, "c", {ls::Fraction::of(1), {}, "2026-11-01T00:00:00Z"}}};
  account->pools = {
      {"P", {{"p-5h", "Five", "", "5h", {ls::Fraction::none(), {}, "2026-12-01T00:00:00Z"}}}}};
  QuotaAnswer answer;
  answer.account = std::move(account);
  answer.owner = 1000;
  answer.read_at = kNow;
  answer.problem = Problem{"language_server_silent", "m", "r"};
  answer.history = courses();
  return text_of(quota_document(answer, all(), kNow));
}

std::string quota_history_sample() {
  test::FakeLedger ledger;
  ledger.courses = courses();
  return *quota_history_document(ledger, {}, kNow);
}

std::string why_sample() {
  test::FakeLedger ledger;
  ledger.courses = courses();
  ledger::Page page;
  page.records.resize(2);
  for (auto& record : page.records) {
    record.owner_uid = 1000;
    record.ended_at = kNow - std::chrono::minutes(50);
  }
  page.records[0].usage.emplace();
  page.records[0].usage->total = 7;
  page.records[0].model = "m";
  ledger.page = page;
  return *why_document(ledger, {kNow - std::chrono::hours(5), kNow, std::nullopt}, kNow);
}

std::string sessions_document_sample() {
  ls::SessionList list;
  list.sessions.resize(2);
  list.sessions[0].id = "1-2";
  list.sessions[0].era = ls::Era::e3;
  list.sessions[0].kind = ls::Kind::hub;
  list.sessions[0].wrappers = {7};
  list.sessions[1].reason = "it has no login";
  return text_of(sessions_document(list, all(), kNow));
}

}  // namespace
}  // namespace agp::api

int main(int argc, char** argv) {
  using agp::api::ExportFormat;
  const std::string_view name = argc > 1 ? argv[1] : "";
  std::string out;
  if (name == "record") {
    out = agp::api::exported(ExportFormat::ndjson);
  } else if (name == "records") {
    out = agp::api::exported(ExportFormat::json);
  } else if (name == "csv") {
    out = agp::api::exported(ExportFormat::csv);
  } else if (name == "usage") {
    out = agp::api::usage_document();
  } else if (name == "quota") {
    out = agp::api::quota_document_sample();
  } else if (name == "quota-history") {
    out = agp::api::quota_history_sample();
  } else if (name == "why") {
    out = agp::api::why_sample();
  } else if (name == "sessions") {
    out = agp::api::sessions_document_sample();
  }
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && !out.empty() ? 0 : 1;
}
