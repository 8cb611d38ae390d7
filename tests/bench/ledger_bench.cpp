#include "daemon/ledger/file.h"
#include "daemon/ledger/questions.h"
#include "daemon/ledger/retention.h"
#include "daemon/ledger/rollup.h"
#include "daemon/ledger/row.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

/// What a ledger of many records costs: writing, questions, walks through all records. Made-up
/// calls of one month: conversations of about fifty calls, some at a time. The table goes to
/// stderr, the same as JSON to stdout.
///
/// usage: ledger-bench [RECORDS [DIRECTORY]]
/// The file, about 0.4 kB a record, is made in DIRECTORY (default: that of temporary files), and
/// removed at the end.

namespace {

using namespace agp;
using namespace agp::ledger;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kStart = 1'793'491'200;  // 2026-11-01T00:00:00Z
constexpr std::int64_t kMonth = 30LL * 86'400 * 1'000'000;
constexpr std::size_t kBulk = 50'000;  // records per transaction while the file is made
constexpr std::size_t kBatch = 512;    // of the writer
constexpr std::size_t kMeasured = 200'000;
constexpr std::size_t kNewest = 2'000'000;
constexpr int kRounds = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

template <class T>
T must(Result<T> value) {
  if (!value) {
    std::fprintf(stderr, "%s\n", value.error().text().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*value);
  }
}

/// kB, of /proc/self/status.
long memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(field + ":", 0) == 0) {
      return std::strtol(line.c_str() + field.size() + 1, nullptr, 10);
    }
  }
  return 0;
}

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

class Calls {
 public:
  explicit Calls(std::size_t count)
      : step_(std::max<std::int64_t>(1, kMonth / static_cast<std::int64_t>(count))) {
    conversations_.resize(24);
  }

  [[nodiscard]] usage::Record next() {
    auto& conversation = conversations_[random_() % conversations_.size()];
    if (conversation.left == 0) {
      start(conversation);
    }
    --conversation.left;
    usage::Record out;
    char text[40];
    (void)std::snprintf(text, sizeof text, "01K%023llu", static_cast<unsigned long long>(made_));
    out.id = text;
    out.started_at = usage::Micros(
        std::chrono::microseconds(kStart * 1'000'000 + static_cast<std::int64_t>(made_) * step_));
    ++made_;
    out.first_byte_at = out.started_at + std::chrono::milliseconds(700);
    out.ended_at = out.started_at + std::chrono::seconds(9);
    out.provider = conversation.provider;
    out.host = conversation.host;
    out.path = "/v1";
    out.protocol = "h2";
    out.local_uid = conversation.uid;
    out.model = conversation.model;
    out.cascade_id = conversation.cascade;
    out.cascade_source = usage::CascadeSource::exact;
    out.request_kind =
        random_() % 8 == 0 ? usage::RequestKind::checkpoint : usage::RequestKind::agent;
    if (random_() % 6 == 0) {  // completions belong to no conversation
      out.request_kind = usage::RequestKind::tab;
      out.cascade_id.reset();
      out.cascade_source = usage::CascadeSource::none;
    }
    out.outcome = random_() % 40 == 0 ? usage::Outcome::error : usage::Outcome::ok;
    if (out.outcome == usage::Outcome::ok) {
      usage::Usage usage;
      usage.input_total = 20'000 + random_() % 100'000;
      usage.cached_input = usage.input_total / 2;
      usage.input_uncached = usage.input_total - usage.cached_input;
      usage.output_total = random_() % 2000;
      usage.reasoning = usage.output_total / 3;
      usage.total = usage.input_total + usage.output_total;
      out.usage = usage;
      out.usage_state = usage::UsageState::final;
      out.cost = usage::Cost{usage.total * 1'000'000, "bench", false};
    }
    if (random_() % 30 == 0) {
      out.flags.insert("total_mismatch");
    }
    return out;
  }

 private:
  struct Conversation {
    std::size_t left = 0;
    usage::Provider provider = usage::Provider::google;
    std::string host;
    std::string model;
    std::string cascade;
    std::uint32_t uid = 0;
  };

  void start(Conversation& conversation) {
    static constexpr const char* kHosts[] = {"daily-cloudcode-pa.googleapis.com",
                                             "api.anthropic.com", "api.openai.com",
                                             "company.openai.azure.com"};
    const auto provider = random_() % 4;
    conversation.left = 1 + random_() % 100;
    conversation.provider = static_cast<usage::Provider>(provider);
    conversation.host = kHosts[provider];
    conversation.model = "model-" + std::to_string(provider) + "-" + std::to_string(random_() % 4);
    conversation.uid = static_cast<std::uint32_t>(990 + random_() % 3);
    char text[40];
    (void)std::snprintf(text, sizeof text, "%08llx-0000-4000-8000-%012llx",
                        static_cast<unsigned long long>(random_() & 0xFFFFFFFFU),
                        static_cast<unsigned long long>(random_() & 0xFFFFFFFFFFFFU));
    conversation.cascade = text;
  }

  std::mt19937_64 random_{7};
  std::int64_t step_;
  std::uint64_t made_ = 0;
  std::vector<Conversation> conversations_;
};

// As the writer does it: rows and their sums, one commit.
void write(sqlite::Database& database,
           sqlite::Statement& insert,
           const std::vector<usage::Record>& records) {
  must(database.exec("BEGIN IMMEDIATE"));
  std::vector<const usage::Record*> kept;
  for (const auto& record : records) {
    bind_record(insert, record);
    must(insert.step());
    insert.reset();
    kept.push_back(&record);
  }
  must(add_to_rollups(database, kept));
  must(database.exec("COMMIT"));
}

double write_all(sqlite::Database& database, Calls& calls, std::size_t count, std::size_t batch) {
  auto insert = must(database.prepare(insert_sql()));
  double spent = 0;
  std::vector<usage::Record> records;
  for (std::size_t done = 0; done < count; done += records.size()) {
    records.clear();
    while (records.size() < std::min(batch, count - done)) {
      records.push_back(calls.next());
    }
    const auto start = Clock::now();
    write(database, insert, records);
    spent += seconds_since(start);
  }
  return spent;
}

struct Question {
  const char* name;
  double limit;  // seconds; 0: none was set
  Query query;
};

std::vector<Question> questions() {
  const auto at = [](std::int64_t second) {
    return usage::Micros(std::chrono::seconds(kStart + second));
  };
  Filter month;
  month.since = at(0);
  month.until = at(30 * 86'400);
  auto cut = month;
  cut.since = at(1234) + std::chrono::microseconds(5);
  cut.until = at(29 * 86'400 + 4321) + std::chrono::microseconds(5);
  auto mine = month;
  mine.uid = 990;
  const auto east = [](usage::Micros) {
    return std::chrono::minutes(345);
  };
  return {
      {"a month by model", 1, {month, {GroupBy::model}, {}}},
      {"a month by day and model", 2, {month, {GroupBy::day, GroupBy::model}, {}}},
      {"the same at UTC+05:45", 2, {month, {GroupBy::day, GroupBy::model}, east}},
      {"the same, both ends inside a quarter-hour", 2, {cut, {GroupBy::day, GroupBy::model}, {}}},
      {"a month by hour and model", 0, {month, {GroupBy::hour, GroupBy::model}, {}}},
      {"a month of one uid by host and kind", 0, {mine, {GroupBy::host, GroupBy::kind}, {}}},
      {"a month by cascade", 0, {month, {GroupBy::cascade}, {}}},
      {"all by provider", 0, {{}, {GroupBy::provider}, {}}},
  };
}

struct Walk {
  std::size_t records = 0;
  double seconds = 0;
  long peak_kb = 0;  // more than before
};

Walk walk(sqlite::Database& database, Order order, std::size_t limit) {
  PageQuery query;
  query.order = order;
  query.limit = 1000;
  Walk out;
  forget_peak();
  const auto before = memory("VmRSS");
  const auto start = Clock::now();
  do {
    auto page = must(ask_records(database, query));
    out.records += page.records.size();
    query.cursor = page.next;
  } while (query.cursor && out.records < limit);
  out.seconds = seconds_since(start);
  out.peak_kb = memory("VmHWM") - before;
  return out;
}

// How long a writer that ages its records is kept waiting.
struct Ageing {
  std::uint64_t records = 0;
  double seconds = 0;
  double longest_step = 0;
};

Ageing age(sqlite::Database& database) {
  Ageing out;
  const Retention retention{std::chrono::days(1), std::chrono::days(400), {}};
  const usage::Micros now(std::chrono::seconds(kStart + 2 * 86'400));
  const auto start = Clock::now();
  while (seconds_since(start) < 10) {
    const auto begun = Clock::now();
    const auto step = must(age_one_step(database, retention, now));
    out.longest_step = std::max(out.longest_step, seconds_since(begun));
    out.records += step.aged;
    if (!step.has_more) {
      break;
    }
  }
  out.seconds = seconds_since(start);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::filesystem::path directory =
      argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  if (count < 1000 || argc > 3) {
    std::fprintf(stderr, "usage: ledger-bench [RECORDS [DIRECTORY]], at least 1000 records\n");
    return 64;
  }
  const auto file = (directory / ("ledger-bench-" + std::to_string(::getpid()) + ".db")).string();
  struct Remover {
    const std::string& file;
    ~Remover() {
      std::error_code ignored;
      for (const char* end : {"", "-wal", "-shm"}) {
        std::filesystem::remove(file + end, ignored);
      }
    }
  } remover{file};

  const auto measured = std::min(kMeasured, count / 2);
  double writing = 0;
  double bulk = 0;
  {
    auto database = must(open_for_writing(file, std::nullopt));
    Calls calls(count);
    must(database.exec("PRAGMA cache_size = -262144"));
    bulk = write_all(database, calls, count - measured, kBulk);
    must(database.exec("PRAGMA cache_size = -2000"));
    writing = write_all(database, calls, measured, kBatch);
  }
  const auto size = std::filesystem::file_size(file);
  std::fprintf(stderr, "%zu records, %.0f octets each, file %.2f GB\n", count,
               static_cast<double>(size) / static_cast<double>(count),
               static_cast<double>(size) / 1e9);
  std::fprintf(stderr, "%-48s %10.0f records/s\n", "written in batches of 50000",
               static_cast<double>(count - measured) / bulk);
  std::fprintf(stderr, "%-48s %10.0f records/s\n", "written in batches of 512, at the end",
               static_cast<double>(measured) / writing);
  std::printf(
      "{\"records\": %zu, \"file_bytes\": %llu, \"bulk_records_per_s\": %.0f,"
      " \"records_per_s\": %.0f, \"questions\": [",
      count, static_cast<unsigned long long>(size), static_cast<double>(count - measured) / bulk,
      static_cast<double>(measured) / writing);

  bool is_fast_enough = true;
  const char* comma = "";
  for (const auto& question : questions()) {
    auto database = must(open_for_reading(file));
    std::vector<double> times;
    Report report;
    const auto busy_before = processor_seconds();
    for (int round = 0; round < kRounds; ++round) {
      const auto start = Clock::now();
      report = must(ask_usage(database, question.query));
      times.push_back(seconds_since(start));
    }
    const auto busy = (processor_seconds() - busy_before) / kRounds;
    const auto first = times.front();
    std::sort(times.begin(), times.end());
    const auto median = times[times.size() / 2];
    is_fast_enough = is_fast_enough && (question.limit == 0 || first < question.limit);
    std::fprintf(stderr,
                 "%-48s %10.3f s first, %.3f s median, %.3f s of CPU, %zu groups, %llu calls\n",
                 question.name, first, median, busy, report.groups.size(),
                 static_cast<unsigned long long>(report.totals.calls));
    std::printf(
        "%s{\"name\": \"%s\", \"first_s\": %.4f, \"median_s\": %.4f, \"cpu_s\": %.4f, \"groups\": "
        "%zu,"
        " \"calls\": %llu}",
        comma, question.name, first, median, busy, report.groups.size(),
        static_cast<unsigned long long>(report.totals.calls));
    comma = ", ";
  }
  std::printf("], \"walks\": [");
  comma = "";
  for (const auto order : {Order::by_commit, Order::newest_first}) {
    auto database = must(open_for_reading(file));
    const auto done = walk(database, order, order == Order::by_commit ? count : kNewest);
    const char* name = order == Order::by_commit ? "all records by commit"
                                                 : "the newest two million, newest first";
    std::fprintf(stderr, "%-48s %10.0f records/s, %zu records, %ld kB more at most\n", name,
                 static_cast<double>(done.records) / done.seconds, done.records, done.peak_kb);
    std::printf("%s{\"name\": \"%s\", \"records\": %zu, \"seconds\": %.2f, \"peak_kb\": %ld}",
                comma, name, done.records, done.seconds, done.peak_kb);
    comma = ", ";
  }
  auto database = must(open_for_writing(file, std::nullopt));
  const auto start = Clock::now();
  (void)must(ask_summary(database));
  const auto summary = seconds_since(start);
  const auto aged = age(database);
  std::fprintf(stderr, "%-48s %10.6f s\n", "summary", summary);
  std::fprintf(stderr, "%-48s %10.0f records/s, longest step %.3f s\n", "ageing",
               static_cast<double>(aged.records) / aged.seconds, aged.longest_step);
  std::printf(
      "], \"summary_s\": %.6f, \"ageing\": {\"records\": %llu, \"seconds\": %.2f,"
      " \"longest_step_s\": %.4f}, \"is_fast_enough\": %s}\n",
      summary, static_cast<unsigned long long>(aged.records), aged.seconds, aged.longest_step,
      is_fast_enough ? "true" : "false");
  return is_fast_enough ? 0 : 1;
}
