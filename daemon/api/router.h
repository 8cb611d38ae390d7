#pragma once

#include "daemon/api/http.h"
#include "daemon/api/status.h"
#include "daemon/api/turn.h"
#include "daemon/api/visibility.h"

#include <functional>
#include <variant>

/// Request in, next step out. Nothing here waits, reads a clock or touches a socket.
namespace agp::api {

/// Reads the disk: run it on the worker pool.
struct LedgerJob {
  std::function<Response(ledger::Ledger&)> run;
};

/// Needs a StatusReport (from the control worker), then renders it.
struct StatusJob {
  std::function<Response(const StatusReport&)> render;
};

using Step = std::variant<Response, LedgerJob, StatusJob, TurnRequest>;

/// Decided on the head alone, before a body is read.
struct Route {
  std::optional<ApiError> refusal;
  bool openai_shape = false;
  bool wants_body = false;
};
[[nodiscard]] Route route_head(const Request& request, const Visibility& who);

/// The whole request; `route_head` has let it pass.
[[nodiscard]] Step handle(const Request& request, const Visibility& who, usage::Micros now);

/// The calls of one turn, all of them visible to the one who asked for it.
[[nodiscard]] ledger::Query turn_query(const TurnResult& result, usage::Micros started_at);

}  // namespace agp::api
