#pragma once

#include "daemon/ls/turn_event.h"

#include <string>

namespace agp::ls {

/// Who wants to know what a turn tells while it goes on. Called on the driver's thread, in order;
/// must not wait. Never called after run_turn() has ended, nor once the turn was cancelled.
class TurnSink {
 public:
  virtual ~TurnSink() = default;
  /// The language server has taken the message. Once, before any event; not at all for a turn that
  /// fails before.
  /// @param model  what was asked for, as its slug.
  virtual void on_started(const std::string& cascade_id, const std::string& model) = 0;
  /// The texts of TextGrown and TextRewritten make up TurnResult::text. The last event is TurnDone,
  /// TurnFailed or UserNeeded.
  virtual void on_event(const TurnEvent& event) = 0;
};

}  // namespace agp::ls
