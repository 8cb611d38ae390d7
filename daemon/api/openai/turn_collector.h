#pragma once

#include "daemon/api/openai/growing_text.h"
#include "daemon/api/openai/turn_event.h"

#include <optional>
#include <string>
#include <variant>

namespace agp::api::openai {

/// A turn at its end, for an answer in one piece.
struct CollectedTurn {
  std::string model;  // empty: as the client named it
  std::string cascade_id;
  std::string text;
  std::string reasoning;
  std::variant<TurnFinished, TurnFailed> end;
};

/// Gathers the events of one turn. Events after its end are ignored.
class TurnCollector {
 public:
  explicit TurnCollector(std::size_t max_answer_bytes = kMaxAnswerBytes)
      : text_(max_answer_bytes), reasoning_(max_answer_bytes) {}

  void feed(const TurnEvent& event);
  /// Finished, failed, or larger than the limit: whoever drives the turn may stop.
  [[nodiscard]] bool is_over() const { return is_over_; }
  /// Once it is over.
  [[nodiscard]] CollectedTurn take();

 private:
  void on(const TurnStarted& event);
  void on(const TextAppended& event);
  void on(const TextReplaced& event);
  void on(const ReasoningAppended& event);
  void on(const TurnFinished& event);
  void on(const TurnFailed& event);
  void end(std::variant<TurnFinished, TurnFailed> end);

  CollectedTurn turn_;
  GrowingText text_;
  GrowingText reasoning_;
  bool is_over_ = false;
};

}  // namespace agp::api::openai
