#pragma once

#include "daemon/ledger/ledger.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace agp::ledger {

/// The ledger in one SQLite file, WAL mode, one writer thread. Nothing that is wrong with the file
/// stops the program: the fault stands in health(), records wait in the queue, and the writer
/// tries again until it is repaired.
class SqliteLedger final : public Ledger {
 public:
  struct Options {
    std::string file;                        // created with mode 0600
    std::size_t queue_limit = 10'000;        // records; security.md section 10
    std::size_t batch_limit = 256;           // records per transaction
    std::chrono::milliseconds retry{1000};   // pause after a failure
    std::optional<std::uint64_t> max_bytes;  // size cap of the file; none
  };

  /// Tries to open the file once before it returns, so that health() already tells the truth.
  [[nodiscard]] static std::unique_ptr<SqliteLedger> start(Options options);

  /// Writes what is queued (one last try) and stops the writer.
  ~SqliteLedger() override;
  SqliteLedger(const SqliteLedger&) = delete;
  SqliteLedger& operator=(const SqliteLedger&) = delete;
  SqliteLedger(SqliteLedger&&) = delete;
  SqliteLedger& operator=(SqliteLedger&&) = delete;

  void append(usage::Record record) override;
  void confirm(Confirmation confirmation) override;
  [[nodiscard]] bool flush(std::chrono::milliseconds limit) override;
  [[nodiscard]] Result<Report> usage(const Query& query) override;
  [[nodiscard]] Result<Page> records(const PageQuery& query) override;
  [[nodiscard]] Result<Summary> summary() override;
  [[nodiscard]] Health health() const override;
  void subscribe(std::function<void(const usage::Record&)> committed) override;

 private:
  class Writer;
  class Reader;

  explicit SqliteLedger(Options options);
  void run();
  void write_one_batch(std::unique_lock<std::mutex>& lock);
  void set_problem(std::optional<Error> problem);
  template <class T, class Ask>
  Result<T> with_reader(Ask ask);

  const Options options_;

  mutable std::mutex mutex_;  // guards everything down to the next blank line
  std::condition_variable work_;
  std::condition_variable settled_;
  std::deque<usage::Record> queue_;  // includes the batch being written
  std::vector<std::function<void(const usage::Record&)>> subscribers_;
  std::optional<Error> problem_;
  std::uint64_t accepted_ = 0;
  std::uint64_t settled_count_ = 0;  // committed, already known, or lost after being accepted
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
  bool stopping_ = false;

  std::unique_ptr<Writer> writer_;  // the writer thread's own

  std::mutex reader_mutex_;
  std::unique_ptr<Reader> reader_;

  std::thread thread_;
};

}  // namespace agp::ledger
