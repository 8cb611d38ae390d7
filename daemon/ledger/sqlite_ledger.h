#pragma once

#include "daemon/ledger/codec.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/spool.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace agp::ledger {

class Writer;

/// The ledger in one SQLite file, WAL mode, one writer thread. What is appended is in the spool
/// before append() returns, so a commit can wait for company. Nothing that is wrong with the file
/// stops the program: the fault stands in health(), records wait in the queue, and the writer
/// tries again until it is repaired.
class SqliteLedger final : public Ledger {
 public:
  struct Options {
    std::string file;                        // created with mode 0600
    std::size_t queue_limit = 10'000;        // records; security.md section 10
    std::size_t batch_limit = 512;           // records per transaction
    std::chrono::milliseconds retry{1000};   // pause after a failure
    std::optional<std::uint64_t> max_bytes;  // size cap of the file; none
    /// Account of our language servers: whose its calls were, older ledgers and spools do not say.
    std::optional<std::uint32_t> ls_uid;
    std::chrono::days raw_days{90};                  // age at which records become sums
    std::chrono::days hourly_days{400};              // age at which sums become sums of days
    std::chrono::milliseconds ageing_pause{10'000};  // between looks at what has aged
    std::function<usage::Micros()> now;              // empty: the system's clock
    /// How long a record may wait for others before it is committed. Without a spool none waits.
    std::chrono::milliseconds commit_delay{100};
    /// How long a question waits for the commit of what was appended before it.
    std::chrono::milliseconds question_patience{1000};
    /// How long start() waits for a new schema and for what the spool holds.
    std::chrono::milliseconds start_patience{5000};
    std::string spool_file;  // empty: `file` with "-spool" behind it
    std::uint64_t spool_bytes = 16 * 1024 * 1024;
    std::chrono::milliseconds spool_retry{30'000};  // pause before a missing spool is tried again
  };

  /// Waits for the first try to open the file and to commit what the spool holds, so that health()
  /// already tells the truth.
  [[nodiscard]] static std::unique_ptr<SqliteLedger> start(Options options);

  /// Writes what is queued (one last try) and stops the writer. What cannot be written stays in the
  /// spool.
  ~SqliteLedger() override;
  SqliteLedger(const SqliteLedger&) = delete;
  SqliteLedger& operator=(const SqliteLedger&) = delete;
  SqliteLedger(SqliteLedger&&) = delete;
  SqliteLedger& operator=(SqliteLedger&&) = delete;

  void append(usage::Record record) override;
  void confirm(Confirmation confirmation) override;
  void append_quota(quota::Sample sample) override;
  [[nodiscard]] bool flush(std::chrono::milliseconds limit) override;
  [[nodiscard]] Result<Report> usage(const Query& query) override;
  [[nodiscard]] Result<Page> records(const PageQuery& query) override;
  [[nodiscard]] Result<Summary> summary() override;
  [[nodiscard]] Result<Totals> totals() override;
  [[nodiscard]] Result<std::vector<quota::Course>> quota(const QuotaQuery& query) override;
  [[nodiscard]] Health health() const override;
  void subscribe(std::function<void(const usage::Record&)> committed) override;

 private:
  class Reader;
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;

  explicit SqliteLedger(Options options);
  void accept(Entry entry, const std::string& octets);
  void run();
  void wait_for_work(Lock& lock);
  void write_one_batch(Lock& lock);
  void settle(const Lock& lock, std::size_t size);
  void stop_unwritten(const Lock& lock);
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t unprotected() const;
  void age_records(Lock& lock);
  void set_problem(std::optional<Error> problem);
  void look_after_spool(Lock& lock);
  void adopt_spool(Result<std::unique_ptr<Spool>> opened);
  void drop_spool();
  void settle_before_question();
  template <class T, class Ask>
  Result<T> with_reader(Ask ask);

  const Options options_;

  mutable std::mutex mutex_;  // guards everything down to the next blank line
  std::condition_variable work_;
  std::condition_variable settled_;
  std::vector<Entry> queue_;
  std::vector<Spool::Place> queue_places_;    // by index; 0: not in the spool
  std::vector<Entry> writing_;                // taken from the queue; elements are the writer's
  std::vector<Spool::Place> writing_places_;  // by index
  std::size_t next_ = 0;                      // the first of writing_ that is not settled
  std::unique_ptr<Spool> spool_;
  std::optional<Error> spool_problem_;
  std::vector<std::function<void(const usage::Record&)>> subscribers_;
  std::optional<Error> problem_;
  std::uint64_t accepted_ = 0;
  std::uint64_t settled_count_ = 0;  // committed, already known, or lost after being accepted
  std::uint64_t wanted_count_ = 0;   // somebody waits until so many are settled
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t aged_ = 0;
  std::uint64_t evicted_ = 0;
  bool has_tried_ = false;  // to open and to write what the spool held
  bool stopping_ = false;

  std::unique_ptr<Writer> writer_;  // the writer thread's own, like the next two
  Clock::time_point next_spool_try_{};
  Clock::time_point next_ageing_{};

  std::mutex reader_mutex_;
  std::unique_ptr<Reader> reader_;

  std::thread thread_;
};

}  // namespace agp::ledger
