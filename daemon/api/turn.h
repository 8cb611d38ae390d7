#pragma once

#include "daemon/ledger/ledger.h"

#include <optional>
#include <string>

/// One turn of a conversation, driven through the language server.
namespace agp::api {

struct TurnRequest {
  std::string model;         // as the client named it
  std::string input;         // text of the user's message
  std::string instructions;  // empty: none
};

struct TurnResult {
  std::string response_id;  // "resp_…", made by whoever runs the turn
  std::string text;
  std::string model;
  std::string cascade_id;
  /// Filled in by the API from the ledger: what was measured on the wire. Empty: not known.
  std::optional<ledger::Sums> usage;
};

}  // namespace agp::api
