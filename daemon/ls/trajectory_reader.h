#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_reader.h"
#include "daemon/ls/live_state.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace agp::ls {

/// GetCascadeTrajectory, answer by answer: each is the whole state. ls-protocol section 3.2.
class TrajectoryReader final : public LiveReader {
 public:
  explicit TrajectoryReader(std::size_t baseline) : baseline_(baseline) {}

  [[nodiscard]] Result<> feed(std::string_view json) override;
  [[nodiscard]] const LiveState& state() const override { return state_; }
  /// The last answer was not the same as the one before.
  [[nodiscard]] bool is_news() const { return is_news_; }

 private:
  std::size_t baseline_;
  std::size_t hash_ = 0;
  bool is_news_ = false;
  LiveState state_;
};

/// How a conversation stands before a message is sent.
struct Standing {
  std::size_t steps = 0;   // the next turn's baseline
  std::string run_status;  // IDLE, RUNNING, …; empty: not told
};
/// From a GetCascadeTrajectory answer.
[[nodiscard]] Result<Standing> read_standing(std::string_view json);

}  // namespace agp::ls
