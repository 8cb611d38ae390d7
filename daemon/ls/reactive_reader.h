#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_reader.h"
#include "daemon/ls/live_state.h"

#include <cstddef>
#include <string_view>

#include <boost/json/object.hpp>

namespace agp::ls {

/// StreamCascadeReactiveUpdates of E1: diffs by field number, the first from nothing to the whole
/// CascadeState. They are applied to a tree that has only the fields that a turn needs; an element
/// of a list is updated in place. ls-protocol section 3.6.
class ReactiveReader final : public LiveReader {
 public:
  explicit ReactiveReader(std::size_t baseline) : baseline_(baseline) {}

  [[nodiscard]] Result<> feed(std::string_view json) override;
  [[nodiscard]] const LiveState& state() const override { return state_; }

 private:
  void read_tree();

  std::size_t baseline_;
  boost::json::object tree_;  // the CascadeState in proto3 JSON, enums as numbers
  LiveState state_;
};

}  // namespace agp::ls
