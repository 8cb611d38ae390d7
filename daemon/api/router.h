#pragma once

#include "daemon/api/http.h"
#include "daemon/api/login_api.h"
#include "daemon/api/metrics.h"
#include "daemon/api/status.h"
#include "daemon/api/turn_job.h"
#include "daemon/api/usage_question.h"
#include "daemon/api/visibility.h"

#include <functional>
#include <string>
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

/// Needs a StatusReport and what all calls add up to.
struct MetricsJob {
  Scrape scrape;
};

/// Needs what language server and IDEs say (from the control worker), then renders it.
struct LoginJob {
  enum class About { quota, models, sessions };
  About about = About::quota;
  Visibility who;
  std::string model;  // one of them; empty: all
};

/// An answer that is sent while it is made.
struct ExportJob {
  ExportQuestion question;
};
struct StreamJob {
  StreamQuestion question;
};

using Step = std::
    variant<Response, LedgerJob, StatusJob, MetricsJob, LoginJob, ExportJob, StreamJob, TurnJob>;

/// Decided on the head alone, before a body is read.
struct Route {
  std::optional<ApiError> refusal;
  bool is_caller_refused = false;  // the refusal is for who asks, not for what is asked
  bool openai_shape = false;
  bool wants_body = false;
  std::string allow;  // the methods that the path takes, when it does not take this one
};
[[nodiscard]] Route route_head(const Request& request, const Visibility& who);

/// What is answered instead, to those who fail too fast.
[[nodiscard]] ApiError too_many_failures();

/// The whole request; `route_head` has let it pass.
[[nodiscard]] Step handle(const Request& request, const Visibility& who, usage::Micros now);

/// A document, or its refusal in the shape of the path.
[[nodiscard]] Response answer_document(const Document& document, bool openai_shape);

}  // namespace agp::api
