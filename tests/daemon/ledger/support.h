#pragma once

#include "daemon/usage/record.h"

#include <filesystem>
#include <string>

#include <stdlib.h>

namespace agp::ledger::test {

/// A directory of its own, gone with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "agp-ledger-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir(TempDir&&) = delete;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name = "usage.db") const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

inline usage::Micros at(std::int64_t seconds) {
  return usage::Micros(std::chrono::seconds(seconds));
}

// 2026-11-22T04:00:00Z
inline constexpr std::int64_t kMorning = 1'795'320'000;

inline usage::Record call(std::string id,
                          std::string model,
                          std::uint64_t input,
                          std::uint64_t output) {
  usage::Record record;
  record.id = std::move(id);
  record.started_at = at(kMorning);
  record.ended_at = at(kMorning + 2);
  record.host = "daily-cloudcode-pa.googleapis.com";
  record.path = "/v1internal:streamGenerateContent";
  record.protocol = "http/1.1";
  record.local_uid = 990;
  record.owner_uid = 1000;
  record.model = std::move(model);
  record.outcome = usage::Outcome::ok;
  record.usage_state = usage::UsageState::final;
  usage::Usage usage;
  usage.input_total = input;
  usage.input_uncached = input;
  usage.output_total = output;
  usage.reasoning = 0;
  usage.total = input + output;
  record.usage = usage;
  return record;
}

}  // namespace agp::ledger::test
