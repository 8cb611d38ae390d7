#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/metrics/bounded_names.h"
#include "daemon/metrics/histogram.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace agp::metrics {

/// Where a sum belongs, in bounded words.
struct Origin {
  std::string model;     // empty: not known
  std::string provider;  // the ledger's word: "google"
  std::string host;
  std::string kind;                // "agent", ...
  std::string request_model = {};  // as it was asked for; empty: not known

  friend auto operator<=>(const Origin&, const Origin&) = default;
};

/// Of all calls from one origin.
struct Total {
  ledger::Sums sums;
  ledger::ByModality by_modality;

  void add(const Total& other);
  friend bool operator==(const Total&, const Total&) = default;
};

/// Of calls since the start of the process.
struct CallTimes {
  struct Series {
    std::string model;
    std::string provider;
    std::string host;
    std::string error_type;  // empty: it went well
    std::string request_model = {};

    friend auto operator<=>(const Series&, const Series&) = default;
  };
  struct Distributions {
    Histogram<kPaceBuckets> duration;
    Histogram<kTokenBuckets> input_tokens;
    Histogram<kTokenBuckets> output_tokens;
    std::uint64_t usage_unknown = 0;      // of these two, calls that are in them with 0
    Histogram<kPaceBuckets> first_chunk;  // of streams alone, whatever became of them
    Histogram<kPaceBuckets> chunk_gap;
  };
  std::map<Series, Distributions> by_series;
};

/// What all calls add up to, for metrics: asked of the ledger once, then counted along with its
/// commits, so that totals survive restarts and never go back; and distributions of the calls since
/// the start. Bounded, whatever clients name. Thread-safe.
///
/// The ledger announces commits while it is being asked: the place of a record in the order of
/// commits says whether the answer has it already.
class CallTotals {
 public:
  static constexpr std::size_t kMostModels = 40;
  static constexpr std::size_t kMostHosts = 20;
  static constexpr std::size_t kMostModalities = 8;  // later ones are not told from unknown ones
  static constexpr std::size_t kMostOrigins = 256;
  static constexpr std::size_t kMostSeries = 64;

  using ByOrigin = std::map<Origin, Total>;

  /// The ledger has committed it; on the ledger's thread.
  /// @return true when the ledger has to be asked for its totals, and begin_with() to be called:
  ///         it could not answer before, or it is another file now.
  [[nodiscard]] bool on_commit(const usage::Record& record);
  /// What the ledger answered. Until it has, there are no totals, only what is announced is
  /// remembered.
  void begin_with(const Result<ledger::Totals>& totals);

  /// Empty until the ledger has answered: unknown is not zero.
  [[nodiscard]] std::optional<ByOrigin> totals() const;
  [[nodiscard]] CallTimes times() const;

 private:
  void count(const usage::Record& record);
  void add(const ledger::GroupKey& key,
           const ledger::Sums& sums,
           const ledger::ByModality& by_modality);
  void add_times(const usage::Record& record);
  void start_over();

  mutable std::mutex mutex_;
  bool has_begun_ = false;
  bool is_asking_ = true;             // the first question is asked by whoever made this
  std::vector<usage::Record> early_;  // announced before the answer was here
  std::uint64_t answered_up_to_ = 0;
  std::uint64_t announced_up_to_ = 0;
  BoundedNames models_{kMostModels};
  BoundedNames request_models_{kMostModels};
  BoundedNames hosts_{kMostHosts};
  BoundedNames modalities_{kMostModalities};
  ByOrigin totals_;
  CallTimes times_;
};

}  // namespace agp::metrics
