#pragma once

#include "daemon/api/http.h"
#include "daemon/ledger/ledger.h"

#include <optional>
#include <string>
#include <variant>

/// What happens while a model answers: fed by whoever drives the turn, in this order: started, any
/// number of texts, finished or failed.
namespace agp::api::openai {

enum class FinishReason {
  stop,            // the answer is whole
  max_tokens,      // a limit on its length was reached
  content_filter,  // the provider held it back
  interrupted,     // it ended early for another reason, cancellation among them
};

struct TurnStarted {
  std::string model;       // what answers, as precisely as is known; empty: as the client named it
  std::string cascade_id;  // may be empty
};

/// More of the answer. May end inside a code point.
struct TextAppended {
  std::string text;
};

/// The whole answer so far: longer than before, or rewritten.
struct TextReplaced {
  std::string text;
};

/// More of what the model says of its thoughts.
struct ReasoningAppended {
  std::string text;
};

/// `usage` is what was measured on the wire; empty: not known.
struct TurnFinished {
  FinishReason reason = FinishReason::stop;
  std::optional<ledger::Sums> usage;
};

struct TurnFailed {
  ApiError error;
  std::optional<ledger::Sums> usage;
};

using TurnEvent = std::
    variant<TurnStarted, TextAppended, TextReplaced, ReasoningAppended, TurnFinished, TurnFailed>;

/// Longer answers fail: every stage of a stream repeats them.
inline constexpr std::size_t kMaxAnswerBytes = 16U * 1024U * 1024U;

/// What such a turn ends with.
[[nodiscard]] ApiError answer_too_large();

}  // namespace agp::api::openai
