#pragma once

#include "daemon/usage/record.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace agp::usage {

/// The book of conversations that our language servers are known to have, and what ties a call to
/// one of them. All methods from any thread.
///
/// The keys in the order they count (ls-protocol section 5.4): the cascade in the request id, the
/// trajectory, the ids in the system prompt; then, for a language server with a single cascade at
/// work at the time, that one. Only what names a known cascade is exact. Two keys that name two
/// different cascades are never exact. Calls of others, of whose cascades nothing is known, keep
/// what their request id says.
class Cascades {
 public:
  struct Limits {
    std::size_t instances = 8;
    std::size_t cascades = 4096;  // of one instance; the ones that were used longest ago go first
    std::size_t responses = 4096;
    /// A title or summary is asked for shortly after a run: so long a cascade counts as at work.
    std::chrono::microseconds linger = std::chrono::seconds(5);
  };

  Cascades() : Cascades(Limits()) {}
  explicit Cascades(Limits limits) : limits_(limits) {}
  Cascades(const Cascades&) = delete;
  Cascades& operator=(const Cascades&) = delete;

  /// A language server of ours runs since `now`.
  void add_instance(const std::string& instance, Micros now);
  /// It has this conversation.
  void add(const std::string& instance, const std::string& cascade_id, Micros now);
  void add_trajectory(const std::string& instance,
                      const std::string& cascade_id,
                      const std::string& trajectory_id);
  /// Turns of one cascade may run side by side: each call with true needs one with false.
  void set_running(const std::string& instance,
                   const std::string& cascade_id,
                   bool is_running,
                   Micros now);
  /// The language server named this response as one of the cascade's.
  void add_response(const std::string& response_id, const std::string& cascade_id);

  /// The language server that ran at that time; empty when none was known.
  [[nodiscard]] std::string instance_at(Micros time) const;

  /// Fills cascade_id, cascade_source, cascade_evidence and cascade_confirmed, and empties the
  /// hints. `record->instance` says whose call it was; empty: nobody's that we know.
  void resolve(Record* record) const;

 private:
  struct Cascade {
    Micros used{};
    unsigned running = 0;
    std::optional<Micros> began;
    std::optional<Micros> ended;
    std::deque<std::string> trajectories;
  };
  struct Instance {
    Micros since{};
    std::map<std::string, Cascade> cascades;
    std::unordered_map<std::string, std::string> trajectories;  // to the cascade
    std::optional<std::string> session_id;                      // learned from exact ties
  };
  struct Tie {
    std::string cascade_id;
    CascadeSource source = CascadeSource::none;
    std::string evidence;
  };

  Instance* open(const std::string& instance, Micros now);
  Cascade* open_cascade(Instance* instance, const std::string& cascade_id, Micros now);
  [[nodiscard]] static std::optional<Tie> named(const Instance& instance, const Record& record);
  [[nodiscard]] std::optional<Tie> only_running(const Instance& instance,
                                                const Record& record) const;

  Limits limits_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Instance> instances_;  // resolve() learns sessions
  std::unordered_map<std::string, std::string> responses_;
  std::deque<std::string> response_order_;
};

}  // namespace agp::usage
