#include "daemon/ledger/sqlite_ledger.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include <sys/resource.h>

/// What one record costs the process, in microseconds of processor time, at a given rate of calls:
/// appended, committed, announced. What counts is the ratio of two runs on one machine.
///
/// usage: append-bench [RECORDS] [RECORDS_PER_SECOND]     (0: as fast as they are taken)

namespace {

using namespace agp;

double processor_seconds() {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

usage::Record call() {
  usage::Record record;
  record.started_at =
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  record.ended_at = record.started_at + std::chrono::milliseconds(3);
  record.first_byte_at = record.started_at + std::chrono::milliseconds(1);
  record.host = "daily-cloudcode-pa.googleapis.com";
  record.path = "/v1internal:streamGenerateContent";
  record.protocol = "h2";
  record.local_uid = 990;
  record.request_kind = usage::RequestKind::agent;
  record.cascade_id = "0a1b2c3d-0000-4000-8000-0123456789ab";
  record.cascade_source = usage::CascadeSource::exact;
  record.bytes_in = 4000;
  record.bytes_out = 20000;
  record.http_status = 200;
  record.stream = true;
  record.model = "gemini-3-flash";
  record.model_source = usage::ModelSource::response;
  record.response_id = "abcdefghijklmnopqrstuvwx";
  record.trace_id = "0123456789abcdef";
  record.outcome = usage::Outcome::ok;
  record.finish = usage::Finish::stop;
  record.finish_raw = "STOP";
  record.usage_state = usage::UsageState::final;
  record.usage.emplace();
  record.usage->input_total = record.usage->input_uncached = 1200;
  record.usage->output_total = 300;
  record.usage->reasoning = 100;
  record.usage->total = record.usage->reported_total.emplace(1500);
  record.usage->input_by_modality = {{"text", 1200}};
  return record;
}

}  // namespace

int main(int argc, char** argv) {
  const int records = argc > 1 ? std::atoi(argv[1]) : 20'000;
  const double rate = argc > 2 ? std::atof(argv[2]) : 0;
  const std::string directory = "append-bench.state";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  double used = 0;
  double elapsed = 0;
  {
    ledger::SqliteLedger::Options options;
    options.file = directory + "/usage.db";
    auto ledger = ledger::SqliteLedger::start(options);
    const auto start = std::chrono::steady_clock::now();
    const double before = processor_seconds();
    for (int number = 0; number < records; ++number) {
      if (rate > 0) {
        std::this_thread::sleep_until(
            start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                        std::chrono::duration<double>(number / rate)));
      } else if (number % 1000 == 999) {
        (void)ledger->flush(std::chrono::seconds(60));
      }
      ledger->append(call());
    }
    (void)ledger->flush(std::chrono::seconds(60));
    used = processor_seconds() - before;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto summary = ledger->summary();
    if (!summary || summary->records != static_cast<std::uint64_t>(records)) {
      (void)std::fprintf(stderr, "append-bench: records are missing\n");
      return 1;
    }
  }
  std::filesystem::remove_all(directory);
  (void)std::printf("%d records in %.2f s: %.1f us of processor time each\n", records, elapsed,
                    used / records * 1e6);
  return 0;
}
