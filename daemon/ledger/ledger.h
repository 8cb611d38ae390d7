#pragma once

#include "common/base/result.h"
#include "daemon/quota/sample.h"
#include "daemon/usage/record.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The port behind which usage records are kept and asked for. The ledger holds numbers and
/// names, never content.
namespace agp::ledger {

enum class Errc {
  newer_schema = 1,  // written by a later version of this program
  damaged,           // not a database, or its pages do not add up
  full,              // the disk, or the configured size, is used up
  read_only,
  unavailable,  // cannot be opened or read at all
  invalid_query,
  invalid_record,  // this one record cannot be kept; the others can
  locked,          // another process has the file
};

[[nodiscard]] const boost::system::error_category& category();
[[nodiscard]] boost::system::error_code make_error_code(Errc code);

enum class GroupBy { model, provider, host, day, hour, cascade, kind, uid };
inline constexpr GroupBy kAllGroupBy[] = {GroupBy::model, GroupBy::provider, GroupBy::host,
                                          GroupBy::day,   GroupBy::hour,     GroupBy::cascade,
                                          GroupBy::kind,  GroupBy::uid};

/// The name as it stands in `group_by` and as a key of the answer.
[[nodiscard]] const char* name(GroupBy value);
[[nodiscard]] std::optional<GroupBy> group_by_from(std::string_view name);

/// Which records are meant. Times compare with `started_at`.
struct Filter {
  std::optional<usage::Micros> since;  // inclusive
  std::optional<usage::Micros> until;  // exclusive
  std::optional<std::string> model;
  std::optional<std::string> cascade;
  std::optional<usage::Provider> provider;
  std::optional<std::string> host;
  std::optional<usage::RequestKind> kind;
  std::optional<std::uint32_t> uid;  // local_uid
  /// Whose calls may be seen at all. Empty optional: everybody's, and those nobody is known to
  /// own; empty list: none.
  std::optional<std::vector<std::uint32_t>> owners;
};

struct Query {
  Filter filter;
  std::vector<GroupBy> group_by;
  // Minutes east of UTC at an instant; empty: UTC. Must be a multiple of 15 minutes.
  std::function<std::chrono::minutes(usage::Micros)> utc_offset;
};

/// Sums over records. Token sums cover the records whose usage is known; `usage_unknown` says how
/// many are missing from them, `reasoning_unknown` how many known ones never stated reasoning.
struct Sums {
  std::uint64_t calls = 0;
  std::uint64_t ok = 0;
  std::uint64_t partial = 0;
  std::uint64_t errors = 0;
  std::uint64_t usage_unknown = 0;
  std::uint64_t input_total = 0;
  std::uint64_t input_uncached = 0;
  std::uint64_t cached_input = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t tool_use_prompt = 0;
  std::uint64_t output_total = 0;
  std::uint64_t reasoning = 0;
  std::uint64_t total = 0;
  std::uint64_t reasoning_unknown = 0;
  std::map<std::string, std::uint64_t> flags;
  std::optional<std::uint64_t> cost_pico_usd;  // 10^-12 USD; empty: nothing could be priced
  std::uint64_t unpriced = 0;

  void add(const Sums& other);
  friend bool operator==(const Sums&, const Sums&) = default;
};

/// What one record adds to the sums that it belongs to.
[[nodiscard]] Sums sums_of(const usage::Record& record);

/// Of the tokens of some Sums those that the provider said the modality of: "text", "audio".
struct ModalityTokens {
  std::uint64_t input = 0;   // of input_total
  std::uint64_t output = 0;  // of output_total
  std::uint64_t cached = 0;  // of cached_input

  void add(const ModalityTokens& other);
  friend bool operator==(const ModalityTokens&, const ModalityTokens&) = default;
};
/// What is missing of a sum is of no known modality.
using ByModality = std::map<std::string, ModalityTokens>;

/// What one record adds to those. A split that comes to more than the whole is none.
[[nodiscard]] ByModality by_modality_of(const usage::Record& record);

/// One value per entry of Query::group_by; empty where the records do not say.
using GroupKey = std::vector<std::optional<std::string>>;

struct Group {
  GroupKey key;
  Sums sums;
};

struct Report {
  Sums totals;
  std::vector<Group> groups;  // ordered by key
  /// Of old calls only sums are left: of quarter-hours, later of whole UTC days. Where `since` or
  /// `until` fell inside such a sum, it moved back to the sum's start, which stands here; answers
  /// for ranges that meet still meet. Empty: the answer covers exactly what was asked.
  std::optional<usage::Micros> covers_since = std::nullopt;
  std::optional<usage::Micros> covers_until = std::nullopt;
  /// Set when calls before this instant are known by UTC day only, and hours, or days of another
  /// time zone, were asked for: those calls are counted in groups whose hour or day is empty.
  std::optional<usage::Micros> coarse_before = std::nullopt;
};

enum class Order {
  newest_first,  // by started_at, then sequence, descending
  by_commit,     // by sequence, ascending: nothing that is committed later can come before
};

struct PageQuery {
  Filter filter;
  Order order = Order::newest_first;
  /// Page::next of the page before. By commit it is the last record's sequence in decimal digits;
  /// newest first, "STARTED_AT.SEQUENCE". That record need not exist any more.
  std::optional<std::string> cursor;
  std::size_t limit = 100;
};

struct Page {
  std::vector<usage::Record> records;
  std::optional<std::string> next;  // cursor of the next page; set when there is more
};

/// What the language server said afterwards about one of its calls.
struct Confirmation {
  std::string response_id;
  std::string cascade_id;
  std::optional<std::string> trajectory_id;
  std::optional<std::uint64_t> step_index;
};

struct QuotaQuery {
  std::optional<usage::Micros> since;                // inclusive
  std::optional<usage::Micros> until;                // exclusive
  std::optional<std::vector<std::uint32_t>> owners;  // as of Filter
  bool with_one_before = false;  // and the last point before `since` of each series
};

struct Summary {
  std::uint64_t records = 0;  // ever kept, those included of which only sums are left
  std::optional<usage::Micros> last_started_at;
  /// The newest place in the order of commits that `records` includes; its record may have aged
  /// away since. It never goes back within one file: only another file has smaller ones.
  std::uint64_t last_sequence = 0;
};

/// All there ever was, by where it came from.
struct Totals {
  struct Origin {
    GroupKey key;
    Sums sums;
    ByModality by_modality = {};
  };
  /// By model, provider, host, kind and the model that was asked for, in the order in which the
  /// ledger first saw them: a new one never stands before an old one.
  std::vector<Origin> groups;
  std::vector<std::string> modalities = {};  // all of theirs, in the same order
  std::uint64_t last_sequence = 0;           // as of Summary, in the same picture
};

struct Health {
  std::optional<Error> problem;  // empty: records are being written
  std::string remedy;            // what a person can do about `problem`
  std::uint64_t written = 0;     // records committed by this process
  std::uint64_t lost = 0;        // records given up since the start, with the queue full
  std::uint64_t lost_ever = 0;   // the same over all processes that used the spool
  std::uint64_t waiting = 0;     // records accepted and not yet committed
  std::uint64_t aged = 0;        // single records that became sums alone, by their age
  std::uint64_t evicted = 0;     // the same before their time, because the ledger was full
  /// Why waiting records would not survive the end of this process; empty: they would.
  std::optional<Error> unprotected;
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  Ledger(Ledger&&) = delete;
  Ledger& operator=(Ledger&&) = delete;
  virtual ~Ledger() = default;

  /// Hands a record over; any thread, never waits for the disk. A record whose id is already kept
  /// changes nothing. What does not fit in the queue is lost and counted in Health::lost.
  virtual void append(usage::Record record) = 0;

  /// Ties the recent records with that response id to the cascade: `exact`, confirmed. Any thread,
  /// never waits for the disk.
  virtual void confirm(Confirmation confirmation) = 0;

  /// What was left of a quota. Any thread, never waits for the disk. Of equal ones in a row only
  /// the first and the last are kept, of all of them the newest.
  virtual void append_quota(quota::Sample sample) = 0;

  /// Waits until everything appended before is committed or lost; false when `limit` passed first.
  [[nodiscard]] virtual bool flush(std::chrono::milliseconds limit) = 0;

  /// The questions read the disk: call them where blocking is allowed.
  [[nodiscard]] virtual Result<Report> usage(const Query& query) = 0;
  [[nodiscard]] virtual Result<Page> records(const PageQuery& query) = 0;
  [[nodiscard]] virtual Result<Summary> summary() = 0;
  [[nodiscard]] virtual Result<Totals> totals() = 0;
  /// Series without a point in that time are left out.
  [[nodiscard]] virtual Result<std::vector<quota::Course>> quota(const QuotaQuery& query) = 0;

  [[nodiscard]] virtual Health health() const = 0;

  /// `committed` gets every record once, after it is safely kept, in order, on the ledger's own
  /// thread: it must be quick (post to somewhere else) and must outlive the ledger.
  virtual void subscribe(std::function<void(const usage::Record&)> committed) = 0;
};

}  // namespace agp::ledger

template <>
struct boost::system::is_error_code_enum<agp::ledger::Errc> : std::true_type {};
