#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// How long a page of `GET /metrics` takes once clients have named many models and hosts, and what
/// a call costs that is counted for it. One line of JSON.
///
/// usage: metrics-bench [NAMES] [CALLS]

namespace {

using namespace agp;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

usage::Record call(std::uint64_t number, std::uint64_t names) {
  usage::Record record;
  record.sequence = number;
  record.model = "a-model-with-a-usual-name-" + std::to_string(number % names);
  record.request_model = "a-model-as-asked-for-" + std::to_string(number % names);
  record.host = "host-" + std::to_string(number % (names - 1)) + "-aiplatform.googleapis.com";
  record.outcome = number % 5 == 0 ? usage::Outcome::error : usage::Outcome::ok;
  record.http_status = static_cast<std::uint16_t>(number % 5 == 0 ? 400 + number % 200 : 200);
  record.ended_at = record.started_at + std::chrono::seconds(2);
  record.usage.emplace();
  record.usage->input_total = record.usage->input_uncached = 1200;
  record.usage->output_total = 300;
  record.usage->input_by_modality = {{"text", 900}, {"modality-" + std::to_string(number % 16), 1}};
  record.usage->output_by_modality = {{"text", 250}, {"image", 50}};
  record.pace.emplace();
  record.pace->first_chunk_at = record.pace->last_chunk_at = record.started_at;
  record.pace->add(record.started_at + std::chrono::milliseconds(40));
  return record;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t names = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000;
  const std::uint64_t calls = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 200'000;
  if (names < 2 || calls == 0) {
    (void)std::fprintf(stderr, "usage: metrics-bench [NAMES] [CALLS]\n");
    return 64;
  }
  std::vector<usage::Record> records;
  for (std::uint64_t number = 1; number <= names; ++number) {
    records.push_back(call(number, names));
  }
  metrics::CallTotals totals;
  totals.begin_with(ledger::Totals{});
  auto start = Clock::now();
  for (std::uint64_t number = 1; number <= calls; ++number) {
    auto& record = records[number % names];
    record.sequence = number;
    (void)totals.on_commit(record);
  }
  const double each_us = milliseconds_since(start) * 1000 / static_cast<double>(calls);
  std::vector<double> pages;
  std::size_t size = 0;
  for (int round = 0; round < 50; ++round) {
    start = Clock::now();
    metrics::Report report;
    report.semconv = metrics::Semconv::both;
    report.totals = totals.totals();
    report.times = totals.times();
    metrics::Page page(metrics::Format::openmetrics,
                       [](std::string_view text) { return std::string(text); });
    render_calls(page, report);
    render_gen_ai(page, report);
    const auto text = page.finish();
    pages.push_back(milliseconds_since(start));
    size = text.size();
  }
  std::sort(pages.begin(), pages.end());
  (void)std::printf(
      "{\"names\": %llu, \"page_bytes\": %zu, \"page_ms_p50\": %.2f, \"page_ms_max\": %.2f, "
      "\"call_us\": %.2f}\n",
      static_cast<unsigned long long>(names), size, pages[pages.size() / 2], pages.back(), each_us);
  return 0;
}
