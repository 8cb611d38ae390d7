#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace agp::ls {

/// One question to a model.
struct TurnRequest {
  std::string model;         // label, slug of a label, or MODEL_... name; empty: the default
  std::string input;         // the user's text
  std::string instructions;  // put before the input; may be empty
  std::string cascade_id;    // continues this conversation; empty: a new one
  /// Of each call of the model, thoughts included. Empty, or more than the language server asks for
  /// by itself: whatever that is.
  std::optional<std::uint64_t> max_output_tokens = std::nullopt;
};

/// Its answer. What it cost is measured on the network, never told by the language server.
struct TurnResult {
  std::string cascade_id;
  std::string trajectory_id;  // empty if it was never seen
  std::string text;
  std::string model;        // what answered, as precisely as is known
  std::string stop_reason;  // "stop", "max_tokens", "content_filter", "incomplete"
};

}  // namespace agp::ls
