#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_reader.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace agp::ls {

/// Which way to watch a conversation, by what each language server answered before: the best way
/// that it has not refused and that does not break all the time. No version is guessed.
class SourceChoice {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// @param instance  names one run of one language server: after a restart it is another one.
  [[nodiscard]] LiveSource source(std::string_view instance, TimePoint now) const;

  /// A stream ended with an error, before or after its first message.
  /// @return true: the way itself is no good for this language server, source() names the next one.
  ///         So for a method that is not there or switched off at once and for good, for a stream
  ///         that breaks, says nothing or nonsense after a few times in a row and for some minutes.
  ///         False: the error says nothing about the way.
  bool on_failed(const std::string& instance, LiveSource source, const Error& error, TimePoint now);

  /// A turn was watched this way to its end, without an error.
  void on_worked(std::string_view instance, LiveSource source);

 private:
  struct Way {
    bool is_refused = false;
    unsigned breaks = 0;  // in a row
    std::optional<TimePoint> rests_until;

    [[nodiscard]] bool is_good(TimePoint now) const {
      return !is_refused && (!rests_until || now >= *rests_until);
    }
  };
  struct Known {
    std::string instance;
    std::array<Way, 2> streams;  // by LiveSource; polls are always good
  };

  [[nodiscard]] const Known* find(std::string_view instance) const;
  Known& known(const std::string& instance);

  std::deque<Known> known_;  // the latest last
};

}  // namespace agp::ls
