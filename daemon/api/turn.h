#pragma once

#include "daemon/api/openai/turn_event.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// One turn of a conversation, driven through the language server.
namespace agp::api {

struct TurnRequest {
  std::string model;         // as the client named it
  std::string input;         // text of the user's message
  std::string instructions;  // empty: none
  std::string cascade_id;    // continues this conversation; empty: a new one
  std::optional<std::uint64_t> max_output_tokens = std::nullopt;  // of each call of the model
};

/// How a turn ended, and what is known of the calls that it made: what was measured of them is
/// complete once the ledger has each of these.
struct TurnOutcome {
  std::variant<openai::FinishReason, ApiError> end;
  std::vector<std::string> response_ids;  // of the provider's answers, as far as they were named
  std::size_t answers = 0;                // the model was called at least so often
};

}  // namespace agp::api
