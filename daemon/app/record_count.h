#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace agp::app {

/// How many records the ledger has, for `status`: asked once, then counted along with the commits.
/// Any thread.
///
/// The ledger announces commits to whoever listens while it is being asked, so a record may be in
/// its answer and announced as well, before the answer or after it. Its place in the order of
/// commits says which: each is counted once.
class RecordCount {
 public:
  RecordCount() = default;
  RecordCount(const RecordCount&) = delete;
  RecordCount& operator=(const RecordCount&) = delete;
  RecordCount(RecordCount&&) = delete;
  RecordCount& operator=(RecordCount&&) = delete;
  ~RecordCount() = default;

  /// The ledger has committed it.
  void on_commit(const usage::Record& record);
  /// What the ledger answered; nothing if it could not: then what is announced counts alone.
  void begin_with(const std::optional<ledger::Summary>& summary);

  [[nodiscard]] ledger::Summary summary() const;

 private:
  mutable std::mutex mutex_;
  bool has_begun_ = false;
  std::vector<std::uint64_t> early_;  // announced before the answer was here
  std::uint64_t answered_up_to_ = 0;
  std::uint64_t announced_up_to_ = 0;
  std::uint64_t records_ = 0;
  std::optional<usage::Micros> last_started_at_;
};

}  // namespace agp::app
