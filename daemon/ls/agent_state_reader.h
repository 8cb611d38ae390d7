#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_reader.h"
#include "daemon/ls/live_state.h"

#include <cstddef>
#include <string_view>

#include <boost/json/fwd.hpp>

namespace agp::ls {

/// StreamAgentStateUpdates of E2 and later: everything first, then whole items for the positions
/// that changed. ls-protocol section 3.7.
class AgentStateReader final : public LiveReader {
 public:
  explicit AgentStateReader(std::size_t baseline) : baseline_(baseline) {}

  [[nodiscard]] Result<> feed(std::string_view json) override;
  [[nodiscard]] const LiveState& state() const override { return state_; }

 private:
  Result<> apply(const boost::json::object& update);

  std::size_t baseline_;
  LiveState state_;
};

}  // namespace agp::ls
