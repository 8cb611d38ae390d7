#pragma once

#include "daemon/api/openai/chat_request.h"
#include "daemon/api/openai/growing_text.h"
#include "daemon/api/openai/turn_collector.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

/// The answers of Chat Completions. They have no place for the model's thoughts.
namespace agp::api::openai {

/// What every answer to one request repeats.
struct ChatHead {
  std::string id;            // "chatcmpl-…"
  std::int64_t created = 0;  // seconds since 1970
  std::string model;         // as the client named it
  bool include_usage = false;
};

/// "stop", "length" or "content_filter": what ended early otherwise is cut off, too.
[[nodiscard]] std::string_view finish_word(FinishReason reason);

/// The answer in one piece; a turn that failed is an error.
[[nodiscard]] Response render_chat_completion(const ChatHead& head, const CollectedTurn& turn);

/// The answer to a request with `stream: true`: a chunk with the role, chunks with text, one with
/// the reason of the end, one with the usage (null: unknown) if it was asked for, `[DONE]`.
///
/// Nothing in this format can take a delta back: if the answer was rewritten behind what had been
/// sent, it follows again after an empty line, from the first line that changed.
class ChatStream {
 public:
  explicit ChatStream(ChatHead head, std::size_t max_answer_bytes = kMaxAnswerBytes)
      : head_(std::move(head)), text_(max_answer_bytes) {}

  /// @return octets to send; empty when there is nothing to say.
  [[nodiscard]] std::string feed(const TurnEvent& event);

  /// `[DONE]` was made: whoever drives the turn may stop.
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  void on(const TurnStarted& event);
  void on(const TextAppended& event);
  void on(const TextReplaced& event);
  void on(const ReasoningAppended& event);
  void on(const TurnFinished& event);
  void on(const TurnFailed& event);

  [[nodiscard]] boost::json::object chunk() const;
  void emit(boost::json::object delta, std::string_view finish_reason = {});
  void emit_text(std::string_view text);
  void emit_usage(const std::optional<ledger::Sums>& usage);
  void start();
  void end();

  ChatHead head_;
  GrowingText text_;
  std::string cascade_id_;
  bool is_started_ = false;
  bool is_over_ = false;
  std::string out_;
};

}  // namespace agp::api::openai
