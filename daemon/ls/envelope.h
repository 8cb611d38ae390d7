#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace agp::ls {

/// One message of a stream's body: flags, length and the message itself.
/// Source: Connect protocol, streaming RPCs; ls-protocol section 3.1.
[[nodiscard]] std::string envelope(std::string_view message);

/// Takes the body of a stream's answer apart: messages, then one end frame. No compression: it is
/// never offered, so a frame that claims it is refused. What was complete before a fault can still
/// be taken.
class EnvelopeReader {
 public:
  /// @param max_message_bytes  of one message, and of the end frame.
  explicit EnvelopeReader(std::size_t max_message_bytes) : limit_(max_message_bytes) {}

  /// The next octets of the body, in order. Any split is equivalent.
  /// @param bytes  borrowed for this call only.
  /// @return Errc::too_large for a message past the limit, as soon as its length is known;
  ///         Errc::bad_answer for what the protocol does not have. The reader is dead afterwards.
  [[nodiscard]] Result<> feed(Bytes bytes);

  [[nodiscard]] std::optional<std::string> next_message();

  /// The end frame was seen; nothing may follow.
  [[nodiscard]] bool is_ended() const { return is_ended_; }

  /// How the stream ended: well, with the error of its end frame, or with the fault that feed()
  /// found. Errc::unreachable while there was no end frame: the body was cut short.
  [[nodiscard]] Result<> outcome() const;

 private:
  Result<> fail(Error error);
  Result<> on_head();
  Result<> on_frame();
  Result<> on_end(std::string_view payload);

  std::size_t limit_;
  std::string head_;
  std::string payload_;
  std::size_t size_ = 0;  // of the payload, as promised
  std::deque<std::string> messages_;
  std::optional<Error> error_;      // of feed()
  std::optional<Error> end_error_;  // of the end frame
  bool is_ended_ = false;
};

}  // namespace agp::ls
