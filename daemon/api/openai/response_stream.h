#pragma once

#include "daemon/api/openai/growing_text.h"
#include "daemon/api/openai/response_object.h"
#include "daemon/api/openai/turn_event.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agp::api::openai {

/// The answer to a request with `stream: true`, as the events of the Responses API.
///
///     created, in_progress
///       ├ thoughts: output_item.added, reasoning_summary_part.added, …text.delta*, …text.done, …
///       └ message:  output_item.added, content_part.added, output_text.delta*, …
///     output_text.done, content_part.done, output_item.done
///     completed | incomplete | failed        (`error` if nothing had been said before)
///
/// A delta cannot be taken back: a rewritten text waits until it begins with what was sent, and
/// the events that end it carry the truth, which is what the official SDKs then go by.
class ResponseStream {
 public:
  explicit ResponseStream(ResponseHead head, std::size_t max_answer_bytes = kMaxAnswerBytes);

  /// @return octets to send; empty when there is nothing to say.
  [[nodiscard]] std::string feed(const TurnEvent& event);

  /// The last event was made: whoever drives the turn may stop.
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  void on(const TurnStarted& event);
  void on(const TextAppended& event);
  void on(const TextReplaced& event);
  void on(const ReasoningAppended& event);
  void on(const TurnFinished& event);
  void on(const TurnFailed& event);

  void start();
  void emit(std::string_view type, boost::json::object fields);
  void emit_response(std::string_view type);
  std::size_t add_item(OutputItem::Kind kind, std::string id);
  void open_message();
  void open_reasoning();
  void send_text();
  void send_reasoning();
  void close_message(OutputItem::Status status);
  void close_reasoning(OutputItem::Status status);

  ResponseHead head_;
  ResponseState state_;
  std::size_t max_answer_bytes_;
  GrowingText text_;
  GrowingText reasoning_;
  std::optional<std::size_t> message_at_;    // output index, from its first text on
  std::optional<std::size_t> reasoning_at_;  // output index, while thoughts come
  std::size_t reasoning_bytes_ = 0;
  std::uint64_t sequence_number_ = 0;
  bool is_started_ = false;
  bool is_over_ = false;
  std::string out_;
};

}  // namespace agp::api::openai
