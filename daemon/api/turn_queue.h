#pragma once

#include "daemon/api/openai/turn_event.h"

#include <cstddef>
#include <vector>

namespace agp::api {

/// What a turn has said and its reader has not been sent yet. A reader that is slower than the
/// model costs no more than the limit and one event.
class TurnQueue {
 public:
  explicit TurnQueue(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Texts that follow each other become one; a text that replaces those before it takes their
  /// place. Beyond the limit nothing is kept any more.
  void push(const openai::TurnEvent& event);
  [[nodiscard]] std::vector<openai::TurnEvent> take();
  /// Something came while the limit was reached: the reader is too slow.
  [[nodiscard]] bool has_overflown() const { return has_overflown_; }

 private:
  std::size_t limit_bytes_;
  std::size_t bytes_ = 0;
  bool has_overflown_ = false;
  std::vector<openai::TurnEvent> events_;
};

}  // namespace agp::api
