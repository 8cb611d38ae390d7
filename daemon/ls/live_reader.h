#pragma once

#include "common/base/result.h"
#include "daemon/ls/live_state.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace agp::ls {

/// The ways to watch a conversation, the best first.
enum class LiveSource { agent_state, reactive, poll };

/// Keeps one conversation's state up to date from what its source says. One reader per stream: what
/// is missing at its start comes with the first message.
class LiveReader {
 public:
  virtual ~LiveReader() = default;
  /// One message of the stream, or one answer, in proto3 JSON.
  /// @return Errc::bad_answer for what is no such message, Errc::too_large for a conversation
  ///         beyond all measure; the reader is dead afterwards.
  [[nodiscard]] virtual Result<> feed(std::string_view json) = 0;
  [[nodiscard]] virtual const LiveState& state() const = 0;
};

/// @param baseline  steps before this one are of no interest and not read.
[[nodiscard]] std::unique_ptr<LiveReader> make_live_reader(LiveSource source, std::size_t baseline);

/// What to ask for.
struct LiveRequest {
  std::string method;
  std::string body;  // JSON
};
/// @param subscriber_id  any, used once; polls need none.
[[nodiscard]] LiveRequest live_request(LiveSource source,
                                       const std::string& cascade_id,
                                       const std::string& subscriber_id);

}  // namespace agp::ls
