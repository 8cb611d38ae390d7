#include "daemon/api/record_csv.h"
#include "daemon/api/record_export.h"
#include "daemon/api/record_json.h"
#include "daemon/api/usage_api.h"
#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <cstdio>
#include <random>
#include <string>
#include <string_view>

// Answers of the API for tests in another language: NAME is record, records, usage or csv.

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
  }
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && !out.empty() ? 0 : 1;
}
