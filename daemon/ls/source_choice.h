#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_reader.h"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace agp::ls {

/// Which way to watch a conversation, by what each language server answered before: the best way
/// that it has not refused. No version is guessed.
class SourceChoice {
 public:
  /// @param instance  names one run of one language server: after a restart it is another one.
  [[nodiscard]] LiveSource source(std::string_view instance) const;

  /// A stream ended with an error, before or after its first message.
  /// @return true: the way itself is no good for this language server, source() names the next one.
  ///         So for a method that is not there or switched off at once, for a stream that breaks or
  ///         says nonsense after a few times in a row. False: the error says nothing about the way.
  bool on_failed(const std::string& instance, LiveSource source, const Error& error);

  /// A turn was watched this way to its end.
  void on_worked(std::string_view instance, LiveSource source);

 private:
  struct Known {
    std::string instance;
    LiveSource source = LiveSource::agent_state;
    unsigned breaks = 0;  // in a row
  };

  std::deque<Known> known_;  // the latest last
};

}  // namespace agp::ls
