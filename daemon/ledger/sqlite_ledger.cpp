#include "daemon/ledger/sqlite_ledger.h"

#include "common/base/ulid.h"
#include "common/log/log.h"
#include "daemon/ledger/file.h"
#include "daemon/ledger/questions.h"
#include "daemon/ledger/rollup.h"
#include "daemon/ledger/row.h"

#include <algorithm>
#include <utility>

namespace agp::ledger {

// The write side of the file. Whatever fails, the connection is thrown away and opened anew at
// the next try: that is the one recovery that covers a moved file, a full disk and a damaged one.
class SqliteLedger::Writer {
 public:
  explicit Writer(const Options& options) : options_(options) {}

  struct Outcome {
    std::vector<const usage::Record*> kept;  // new in the ledger
    std::uint64_t refused = 0;               // records that no ledger could keep
  };

  [[nodiscard]] Result<> ensure_open() {
    if (database_) {
      return {};
    }
    auto opened = open_for_writing(options_.file, options_.max_bytes);
    if (!opened) {
      return opened.error();
    }
    auto insert = opened->prepare(insert_sql());
    if (!insert) {
      return insert.error();
    }
    database_.emplace(std::move(*opened));
    insert_.emplace(std::move(*insert));
    return {};
  }

  [[nodiscard]] Result<Outcome> write(std::vector<usage::Record>& batch) {
    auto done = try_write(batch);
    if (!done) {
      insert_.reset();
      database_.reset();  // rolls back
    }
    return done;
  }

 private:
  [[nodiscard]] Result<Outcome> try_write(std::vector<usage::Record>& batch) {
    auto open = ensure_open();
    if (!open) {
      return open.error();
    }
    auto begun = database_->exec("BEGIN IMMEDIATE");
    if (!begun) {
      return begun.error();
    }
    Outcome outcome;
    for (auto& record : batch) {
      bind_record(*insert_, record);
      auto stepped = insert_->step();
      insert_->reset();
      if (stepped) {
        if (database_->changes() > 0) {
          record.sequence = static_cast<std::uint64_t>(database_->last_row());
          outcome.kept.push_back(&record);
        }
      } else if (stepped.error().code == Errc::invalid_record) {
        ++outcome.refused;
        log::err("usage record cannot be kept", {{"ERROR", stepped.error()}});
      } else {
        return stepped.error();
      }
    }
    auto rolled_up = add_to_rollups(*database_, outcome.kept);
    if (!rolled_up) {
      return rolled_up.error();
    }
    auto committed = database_->exec("COMMIT");
    if (!committed) {
      return committed.error();
    }
    return outcome;
  }

  const Options& options_;
  std::optional<sqlite::Database> database_;
  std::optional<sqlite::Statement> insert_;  // destroyed before its database
};

class SqliteLedger::Reader {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Reader>> open(const std::string& file) {
    auto database = open_for_reading(file);
    if (!database) {
      return database.error();
    }
    auto reader = std::make_unique<Reader>();
    reader->database = std::move(*database);
    return reader;
  }

  sqlite::Database database;
};

namespace {

std::string remedy_for(const Error& problem, const std::string& file) {
  if (problem.code == Errc::newer_schema) {
    return "install the version of antigravity-proxy that wrote " + file +
           ", or move the file away to start a new ledger";
  }
  if (problem.code == Errc::damaged) {
    return "move " + file + " away (keep it for `sqlite3 FILE .recover`); a new one is then made";
  }
  if (problem.code == Errc::full) {
    return "free disk space, or raise ledger.max_bytes";
  }
  if (problem.code == Errc::read_only) {
    return "make " + file + " and its directory writable for the account antigravity-proxy";
  }
  return "check that the directory of " + file + " exists and belongs to antigravity-proxy";
}

}  // namespace

SqliteLedger::SqliteLedger(Options options)
    : options_(std::move(options)), writer_(std::make_unique<Writer>(options_)) {}

std::unique_ptr<SqliteLedger> SqliteLedger::start(Options options) {
  std::unique_ptr<SqliteLedger> ledger(new SqliteLedger(std::move(options)));
  auto opened = ledger->writer_->ensure_open();
  if (!opened) {
    ledger->set_problem(opened.error());
  }
  ledger->thread_ = std::thread([self = ledger.get()] { self->run(); });
  return ledger;
}

SqliteLedger::~SqliteLedger() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void SqliteLedger::append(usage::Record record) {
  if (record.id.empty()) {
    record.id = make_ulid(std::chrono::system_clock::now());
  }
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_limit) {
      ++lost_;
      return;
    }
    queue_.push_back(std::move(record));
    ++accepted_;
  }
  work_.notify_one();
}

void SqliteLedger::confirm(Confirmation confirmation) {
  (void)confirmation;
}

bool SqliteLedger::flush(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const auto target = accepted_;
  return settled_.wait_for(lock, limit, [&] { return settled_count_ >= target; });
}

void SqliteLedger::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (problem_ && !stopping_) {
      work_.wait_for(lock, options_.retry, [&] { return stopping_; });
    } else {
      work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    }
    if (stopping_ && queue_.empty()) {
      return;
    }
    write_one_batch(lock);
    if (problem_ && stopping_) {
      lost_ += queue_.size();
      settled_count_ += queue_.size();
      log::err("usage records lost at shutdown", {{"COUNT", queue_.size()}});
      queue_.clear();
      settled_.notify_all();
      return;
    }
  }
}

// The batch is copied, not moved: it stays in the queue, in order, until it is committed.
void SqliteLedger::write_one_batch(std::unique_lock<std::mutex>& lock) {
  const auto size = std::min(queue_.size(), options_.batch_limit);
  std::vector<usage::Record> batch(queue_.begin(),
                                   queue_.begin() + static_cast<std::ptrdiff_t>(size));
  const auto subscribers = subscribers_;
  lock.unlock();
  auto done = writer_->write(batch);
  if (done) {
    for (const auto* record : done->kept) {
      for (const auto& committed : subscribers) {
        committed(*record);
      }
    }
  }
  lock.lock();
  if (!done) {
    set_problem(done.error());
    return;
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(size));
  settled_count_ += size;
  written_ += done->kept.size();
  lost_ += done->refused;
  set_problem(std::nullopt);
  settled_.notify_all();
}

void SqliteLedger::set_problem(std::optional<Error> problem) {
  const bool is_news =
      problem.has_value() != problem_.has_value() || (problem && problem->code != problem_->code);
  problem_ = std::move(problem);
  if (!is_news) {
    return;
  }
  if (problem_) {
    log::err("usage ledger cannot be written, records wait in memory",
             {{"ERROR", *problem_}, {"REMEDY", remedy_for(*problem_, options_.file)}});
  } else {
    log::notice("usage ledger is written again");
  }
}

template <class T, class Ask>
Result<T> SqliteLedger::with_reader(Ask ask) {
  const std::lock_guard lock(reader_mutex_);
  if (!reader_) {
    auto opened = Reader::open(options_.file);
    if (!opened) {
      return opened.error();
    }
    reader_ = std::move(*opened);
  }
  Result<T> answer = ask(reader_->database);
  if (!answer) {
    reader_.reset();  // the file may have been replaced: look again next time
  }
  return answer;
}

Result<Report> SqliteLedger::usage(const Query& query) {
  return with_reader<Report>(
      [&](sqlite::Database& database) { return ask_usage(database, query); });
}

Result<Page> SqliteLedger::records(const PageQuery& query) {
  return with_reader<Page>(
      [&](sqlite::Database& database) { return ask_records(database, query); });
}

Result<Summary> SqliteLedger::summary() {
  return with_reader<Summary>([](sqlite::Database& database) { return ask_summary(database); });
}

Health SqliteLedger::health() const {
  const std::lock_guard lock(mutex_);
  Health health;
  health.problem = problem_;
  if (problem_) {
    health.remedy = remedy_for(*problem_, options_.file);
  }
  health.written = written_;
  health.lost = lost_;
  health.waiting = queue_.size();
  return health;
}

void SqliteLedger::subscribe(std::function<void(const usage::Record&)> committed) {
  const std::lock_guard lock(mutex_);
  subscribers_.push_back(std::move(committed));
}

}  // namespace agp::ledger
