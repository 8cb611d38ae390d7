#pragma once

#include "common/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

namespace agp::ls {

/// One step of a conversation, reduced to what a turn needs. Names are without their prefixes.
struct LiveStep {
  std::string type;    // empty: not known yet
  std::string status;  // DONE, GENERATING, WAITING, …
  std::string text;    // what it says to the user so far
  std::string stop_reason;
  std::optional<std::string> error;  // the friendly text
  std::string response_id;
  bool wants_tools = false;

  friend bool operator==(const LiveStep&, const LiveStep&) = default;
};

/// One answer of the model with the attempts before it.
struct Generation {
  std::optional<std::uint64_t> step_index;
  std::vector<std::string> response_ids;
  std::string model;  // the real name

  friend bool operator==(const Generation&, const Generation&) = default;
};

/// How a run ended, of the last one that did.
struct RunEnd {
  std::string reason;  // NO_TOOL_CALL, USER_CANCELED, …
  std::optional<std::uint64_t> last_step_index;

  friend bool operator==(const RunEnd&, const RunEnd&) = default;
};

/// A conversation as a language server shows it, whichever way: ls-protocol sections 3.4 to 3.7.
struct LiveState {
  std::string trajectory_id;
  std::string run_status;  // IDLE, RUNNING, …; empty: not told
  std::vector<LiveStep> steps;
  std::vector<Generation> generations;
  RunEnd end;
  bool is_complete = true;  // all steps that exist are there

  friend bool operator==(const LiveState&, const LiveState&) = default;
};

/// Positions past this are no conversation but a fault.
inline constexpr std::size_t kMaxSteps = 100'000;
/// Parsed depth of a diff: each level of a message takes up to five of JSON.
inline constexpr std::size_t kMaxDiffDepth = 256;

/// From proto3 JSON. Enum values may be names or numbers.
[[nodiscard]] LiveStep read_step(const boost::json::object& step);
[[nodiscard]] Generation read_generation(const boost::json::object& metadata);
[[nodiscard]] RunEnd read_run_end(const boost::json::object& executor_metadata);
[[nodiscard]] std::string read_run_status(const boost::json::object& holder);

[[nodiscard]] bool is_final(std::string_view step_status);

}  // namespace agp::ls
