#pragma once

#include "common/base/result.h"
#include "daemon/ls/conversation_watcher.h"

#include <cstddef>
#include <string>
#include <variant>

namespace agp::ls {

/// What a turn tells while it goes on, whichever way it is watched.

struct TextGrown {
  std::string delta;  // goes behind the answer so far
  friend bool operator==(const TextGrown&, const TextGrown&) = default;
};
/// The answer is another one, as after a tool was used. Empty: there is none for now.
struct TextRewritten {
  std::string text;
  friend bool operator==(const TextRewritten&, const TextRewritten&) = default;
};
/// A step is new or has another status; names as in LiveStep.
struct StepChanged {
  std::size_t index = 0;
  std::string type;
  std::string status;
  bool is_new = false;
  friend bool operator==(const StepChanged&, const StepChanged&) = default;
};
struct ResponseNamed {
  NamedResponse response;
  friend bool operator==(const ResponseNamed&, const ResponseNamed&) = default;
};
struct RunStatusChanged {
  std::string status;  // IDLE, RUNNING, CANCELING, BUSY
  friend bool operator==(const RunStatusChanged&, const RunStatusChanged&) = default;
};

/// One of these three is the last event.
struct TurnDone {
  std::string stop_reason;  // as in TurnResult
  friend bool operator==(const TurnDone&, const TurnDone&) = default;
};
struct TurnFailed {
  Error error;
  friend bool operator==(const TurnFailed& a, const TurnFailed& b) {
    return a.error.code == b.error.code;
  }
};
struct UserNeeded {
  std::size_t step_index = 0;
  std::string type;  // of the step that waits
  friend bool operator==(const UserNeeded&, const UserNeeded&) = default;
};

using TurnEvent = std::variant<TextGrown,
                               TextRewritten,
                               StepChanged,
                               ResponseNamed,
                               RunStatusChanged,
                               TurnDone,
                               TurnFailed,
                               UserNeeded>;

}  // namespace agp::ls
