#include "daemon/ledger/sqlite_ledger.h"

#include "common/base/ulid.h"
#include "common/log/log.h"
#include "daemon/ledger/file.h"
#include "daemon/ledger/migration.h"
#include "daemon/ledger/questions.h"
#include "daemon/ledger/quota_samples.h"
#include "daemon/ledger/writer.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace agp::ledger {

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

  [[nodiscard]] bool has_moved() {
    const auto moved = database.has_moved();
    return !moved || *moved;
  }

  sqlite::Database database;
};

namespace {

std::string remedy_for(const Error& problem, const std::string& file) {
  if (problem.code == Errc::newer_schema) {
    const auto backup = usable_backup(file);
    return "install the version of antigravity-proxy that wrote " + file + ", or a later one; or " +
           (backup ? "go back to the ledger of before that, " + *backup +
                         ", as antigravity-proxyd(8) says"
                   : "move the file away to start a new ledger");
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
  if (problem.code == Errc::locked) {
    return "end the program that holds " + file + " locked (`fuser " + file + "` names it)";
  }
  return "check that the directory of " + file + " exists and belongs to antigravity-proxy";
}

std::string spool_of(const SqliteLedger::Options& options) {
  return options.spool_file.empty() ? options.file + "-spool" : options.spool_file;
}

// A backlog that is over must not keep its memory.
template <class T>
void empty(std::vector<T>& values, std::size_t usual) {
  if (values.capacity() > 4 * usual) {
    values = {};
  } else {
    values.clear();
  }
}

}  // namespace

SqliteLedger::SqliteLedger(Options options)
    : options_(std::move(options)),
      writer_(std::make_unique<Writer>(
          Writer::Options{options_.file,
                          {options_.raw_days, options_.hourly_days, options_.max_bytes},
                          options_.ls_uid})) {}

std::unique_ptr<SqliteLedger> SqliteLedger::start(Options options) {
  std::unique_ptr<SqliteLedger> ledger(new SqliteLedger(std::move(options)));
  const auto& chosen = ledger->options_;
  // Here and not on the thread: what is appended next must find it.
  ledger->adopt_spool(Spool::open({spool_of(chosen), chosen.spool_bytes}));
  ledger->next_spool_try_ = Clock::now() + chosen.spool_retry;
  ledger->thread_ = std::thread([self = ledger.get()] { self->run(); });
  Lock lock(ledger->mutex_);
  (void)ledger->settled_.wait_for(lock, chosen.start_patience,
                                  [&] { return ledger->has_tried_; });  // else: health() follows
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
  thread_local std::string octets;
  octets.clear();
  encode(record, octets);
  accept(Entry(std::move(record)), octets);
}

void SqliteLedger::confirm(Confirmation confirmation) {
  std::string octets;
  encode(confirmation, octets);
  accept(Entry(std::move(confirmation)), octets);
}

void SqliteLedger::append_quota(quota::Sample sample) {
  std::string octets;
  encode(sample, octets);
  accept(Entry(std::move(sample)), octets);
}

void SqliteLedger::accept(Entry entry, const std::string& octets) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting() >= options_.queue_limit) {
      if (std::holds_alternative<usage::Record>(entry)) {
        ++lost_;
        if (spool_) {
          spool_->count_lost(1);
        }
      }
      return;
    }
    const auto place = spool_ ? spool_->put(as_bytes(octets)).value_or(0) : 0;
    queue_.push_back(std::move(entry));
    queue_places_.push_back(place);
    ++accepted_;
    if (spool_ && place == 0) {
      spool_->set_unprotected(unprotected());
    }
    is_news = queue_.size() == 1 || queue_.size() == options_.batch_limit;
  }
  if (is_news) {
    work_.notify_one();
  }
}

bool SqliteLedger::flush(std::chrono::milliseconds limit) {
  Lock lock(mutex_);
  const auto target = accepted_;
  wanted_count_ = std::max(wanted_count_, target);
  work_.notify_one();
  return settled_.wait_for(lock, limit, [&] { return settled_count_ >= target; });
}

// A reader never sees less than what was appended before it asked, unless the ledger is in trouble
// or very busy: then it gets the answer of the file as it is.
void SqliteLedger::settle_before_question() {
  Lock lock(mutex_);
  if (std::this_thread::get_id() == thread_.get_id()) {
    return;  // a subscriber asks: its records are committed, and nothing else can be now
  }
  const auto target = accepted_;
  wanted_count_ = std::max(wanted_count_, target);
  work_.notify_one();
  (void)settled_.wait_for(lock, options_.question_patience,
                          [&] { return settled_count_ >= target || problem_; });
}

std::size_t SqliteLedger::waiting() const {
  return queue_.size() + writing_.size() - next_;
}

std::size_t SqliteLedger::unprotected() const {
  const auto in_queue = std::count(queue_places_.begin(), queue_places_.end(), Spool::Place{0});
  const auto in_writing = std::count(writing_places_.begin() + static_cast<std::ptrdiff_t>(next_),
                                     writing_places_.end(), Spool::Place{0});
  return static_cast<std::size_t>(in_queue + in_writing);
}

void SqliteLedger::run() {
  Lock lock(mutex_);
  while (true) {
    if (waiting() > 0 || problem_ || !has_tried_) {
      write_one_batch(lock);
    }
    if (!has_tried_ && (problem_ || waiting() == 0)) {
      has_tried_ = true;
      settled_.notify_all();
    }
    if (stopping_ && (problem_ || waiting() == 0)) {
      stop_unwritten(lock);
      return;
    }
    age_records(lock);
    wait_for_work(lock);
    look_after_spool(lock);
  }
}

void SqliteLedger::wait_for_work(Lock& lock) {
  if (problem_) {
    work_.wait_for(lock, options_.retry, [&] { return stopping_; });
    return;
  }
  if (next_ < writing_.size()) {
    return;
  }
  const bool has_work =
      work_.wait_until(lock, next_ageing_, [&] { return stopping_ || !queue_.empty(); });
  if (!has_work || !spool_ || !spool_->is_working()) {
    return;  // nothing holds them but this process: commit at once
  }
  work_.wait_for(lock, options_.commit_delay, [&] {
    return stopping_ || queue_.size() >= options_.batch_limit || wanted_count_ > settled_count_;
  });
}

// The batch stays where it is, in order, until it is committed.
void SqliteLedger::write_one_batch(Lock& lock) {
  if (next_ == writing_.size()) {
    empty(writing_, options_.batch_limit);
    empty(writing_places_, options_.batch_limit);
    next_ = 0;
    writing_.swap(queue_);
    writing_places_.swap(queue_places_);
  }
  const auto size = std::min(writing_.size() - next_, options_.batch_limit);
  const std::span<Entry> batch(writing_.data() + next_, size);
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
    settled_.notify_all();
    return;
  }
  written_ += done->kept.size();
  lost_ += done->refused;
  evicted_ += done->evicted;
  if (spool_ && done->refused > 0) {
    spool_->count_lost(done->refused);
  }
  settle(lock, size);
  set_problem(std::nullopt);
}

// One step, then the next batch: records that wait must not wait for a year of old ones.
void SqliteLedger::age_records(Lock& lock) {
  if (problem_ || stopping_ || Clock::now() < next_ageing_) {
    return;
  }
  lock.unlock();
  const auto now =
      options_.now
          ? options_.now()
          : std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto done = writer_->age(now);
  lock.lock();
  next_ageing_ =
      done && done->has_more ? Clock::time_point() : Clock::now() + options_.ageing_pause;
  if (!done) {
    log::warning("old usage records cannot be condensed, trying again later",
                 {{"ERROR", done.error()}});
    return;
  }
  aged_ += done->aged;
  evicted_ += done->evicted;
}

void SqliteLedger::settle(const Lock&, std::size_t size) {
  const auto first = writing_places_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto last = first + static_cast<std::ptrdiff_t>(size);
  const auto kept = static_cast<std::uint64_t>(size) -
                    static_cast<std::uint64_t>(std::count(first, last, Spool::Place{0}));
  next_ += size;
  settled_count_ += size;
  if (spool_) {
    if (kept > 0) {
      spool_->release(*std::max_element(first, last), kept);
    }
    if (kept < size) {
      spool_->set_unprotected(unprotected());
    }
  }
  settled_.notify_all();
}

// What is in the spool waits there for the next process; the rest is lost.
void SqliteLedger::stop_unwritten(const Lock&) {
  const auto lost = unprotected();
  const auto left = waiting() - lost;
  lost_ += lost;
  settled_count_ += waiting();
  if (spool_) {
    spool_->count_lost(lost);
    spool_->set_unprotected(0);
  }
  if (lost > 0) {
    log::err("usage records lost at shutdown", {{"COUNT", lost}});
  }
  if (left > 0) {
    log::warning("usage records wait in the spool for the next start", {{"COUNT", left}});
  }
  queue_.clear();
  queue_places_.clear();
  next_ = writing_.size();
  settled_.notify_all();
}

void SqliteLedger::adopt_spool(Result<std::unique_ptr<Spool>> opened) {
  if (!opened) {
    spool_problem_ = opened.error();
    log::warning("usage records are not protected against a kill of this process",
                 {{"ERROR", opened.error()}});
    return;
  }
  if (spool_problem_) {
    log::notice("usage records are protected again");
  }
  spool_problem_.reset();
  spool_ = std::move(*opened);
  if (spool_->lost_before() > 0) {
    log::err("usage records of an earlier process are lost", {{"COUNT", spool_->lost_before()}});
  }
  std::uint64_t unreadable = 0;
  auto left = spool_->take_left();
  // Before what is queued: the spool is released in its own order.
  std::vector<Entry> entries;
  std::vector<Spool::Place> places;
  for (const auto& [octets, end] : left) {
    if (auto entry = decode(octets, options_.ls_uid)) {
      entries.push_back(std::move(*entry));
      places.push_back(end);
    } else {
      ++unreadable;
    }
  }
  if (unreadable > 0) {
    spool_->count_lost(unreadable);
    log::err("usage records in the spool cannot be read", {{"COUNT", unreadable}});
  }
  if (entries.empty()) {
    if (!left.empty()) {
      spool_->release(left.back().end, left.size());
    }
  } else {
    log::notice("usage records of an earlier process are written now", {{"COUNT", entries.size()}});
  }
  accepted_ += entries.size();
  std::move(queue_.begin(), queue_.end(), std::back_inserter(entries));
  queue_.swap(entries);
  places.insert(places.end(), queue_places_.begin(), queue_places_.end());
  queue_places_.swap(places);
  spool_->set_unprotected(unprotected());
}

void SqliteLedger::drop_spool() {
  spool_.reset();
  std::fill(queue_places_.begin(), queue_places_.end(), Spool::Place{0});
  std::fill(writing_places_.begin(), writing_places_.end(), Spool::Place{0});
}

// A spool that was moved away or broke is replaced; one that could not be made is tried again.
void SqliteLedger::look_after_spool(Lock& lock) {
  if (spool_ && !spool_->is_working() && !spool_problem_) {
    spool_problem_ = Error{Errc::unavailable, "write " + spool_of(options_)};
    log::warning("usage records are not protected against a kill of this process",
                 {{"ERROR", *spool_problem_}});
  }
  const bool is_gone = spool_ && (!spool_->is_working() || spool_->has_moved());
  if ((spool_ && !is_gone) || Clock::now() < next_spool_try_) {
    return;
  }
  next_spool_try_ = Clock::now() + options_.spool_retry;
  drop_spool();
  lock.unlock();
  auto opened = Spool::open({spool_of(options_), options_.spool_bytes});
  lock.lock();
  adopt_spool(std::move(opened));
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
  settle_before_question();
  const std::lock_guard lock(reader_mutex_);
  if (reader_ && reader_->has_moved()) {
    reader_.reset();
  }
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

Result<Totals> SqliteLedger::totals() {
  return with_reader<Totals>([](sqlite::Database& database) { return ask_totals(database); });
}

Result<std::vector<quota::Course>> SqliteLedger::quota(const QuotaQuery& query) {
  return with_reader<std::vector<quota::Course>>(
      [&](sqlite::Database& database) { return ask_quota(database, query); });
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
  health.lost_ever = spool_ ? spool_->lost() : lost_;
  health.waiting = waiting();
  health.unprotected = spool_problem_;
  health.aged = aged_;
  health.evicted = evicted_;
  return health;
}

void SqliteLedger::subscribe(std::function<void(const usage::Record&)> committed) {
  const std::lock_guard lock(mutex_);
  subscribers_.push_back(std::move(committed));
}

}  // namespace agp::ledger
