#include "daemon/api/router.h"

#include "daemon/api/page.h"
#include "daemon/api/quota_history.h"
#include "daemon/api/schemas.h"
#include "daemon/api/usage_api.h"

#include <optional>
#include <string_view>
#include <utility>

namespace agp::api {
namespace {

enum class Endpoint {
  page,
  health,
  usage,
  records,
  stream,
  exported,
  schemas,
  status,
  metrics,
  quota,
  quota_history,
  why,
  models,
  model,
  sessions,
  responses,
  chat_completions
};

struct Entry {
  const char* path;
  const char* method;
  Endpoint endpoint;
};

constexpr Entry kEntries[] = {
    {"/", "GET", Endpoint::page},
    {"/health", "GET", Endpoint::health},
    {"/v1/usage", "GET", Endpoint::usage},
    {"/v1/usage/records", "GET", Endpoint::records},
    {"/v1/usage/stream", "GET", Endpoint::stream},
    {"/v1/usage/export", "GET", Endpoint::exported},
    {"/v1/status", "GET", Endpoint::status},
    {"/metrics", "GET", Endpoint::metrics},
    {"/v1/quota", "GET", Endpoint::quota},
    {"/v1/quota/history", "GET", Endpoint::quota_history},
    {"/v1/why", "GET", Endpoint::why},
    {"/v1/models", "GET", Endpoint::models},
    {"/v1/sessions", "GET", Endpoint::sessions},
    {"/v1/responses", "POST", Endpoint::responses},
    {"/v1/chat/completions", "POST", Endpoint::chat_completions},
};
constexpr std::string_view kSchemas = "/v1/schemas/";
constexpr std::string_view kModels = "/v1/models/";
/// Paths that begin with one of these.
constexpr Entry kPrefixes[] = {{kSchemas.data(), "GET", Endpoint::schemas},
                               {kModels.data(), "GET", Endpoint::model}};

const Entry* find(const Request& request) {
  for (const auto& entry : kEntries) {
    if (request.path == entry.path) {
      return &entry;
    }
  }
  for (const auto& entry : kPrefixes) {
    if (request.path.starts_with(entry.path)) {
      return &entry;
    }
  }
  return nullptr;
}

/// For people who mistyped one.
std::string known_paths() {
  std::string known;
  for (const auto& entry : kEntries) {
    known += (known.empty() ? "" : ", ") + std::string(entry.path);
  }
  for (const auto& entry : kPrefixes) {
    known += ", " + std::string(entry.path) + "NAME";
  }
  return known;
}

bool is_openai(Endpoint endpoint) {
  return endpoint == Endpoint::responses || endpoint == Endpoint::chat_completions ||
         endpoint == Endpoint::models || endpoint == Endpoint::model;
}

// Neither holds data of anybody: the page asks for them, and who may not is told so on it.
bool is_for_everyone(Endpoint endpoint) {
  return endpoint == Endpoint::health || endpoint == Endpoint::page;
}

bool takes(const Entry& entry, const std::string& method) {
  return method == entry.method || (method == "HEAD" && std::string_view(entry.method) == "GET");
}

ApiError refuse_to_drive(const Visibility& who) {
  if (!who.is_session_there) {
    return {503,
            "server_error",
            "language_server_unavailable",
            "there is no language server to ask: no session of an IDE is in use",
            "start the IDE and sign in; antigravity-proxy status says what is waited for",
            ""};
  }
  return {403,
          "permission_error",
          "not_your_session",
          "the language server runs with the login of another user",
          "only that user and members of the group antigravity-proxy may use it",
          ""};
}

std::optional<ApiError> refuse_who(const Visibility& who) {
  switch (who.access) {
    case Visibility::Access::granted:
      return std::nullopt;
    case Visibility::Access::unidentified:
      return ApiError{401,
                      "authentication_error",
                      "caller_unknown",
                      "it could not be told which user is calling",
                      "use curl --unix-socket /run/antigravity-proxy/api.sock "
                      "http://localhost/..., or a key: see API KEYS in antigravity-proxyd(8)",
                      ""};
    case Visibility::Access::unknown_key:
      return ApiError{401,
                      "authentication_error",
                      "key_unknown",
                      "it could not be told which user is calling, and the key is not known",
                      "make a key: see API KEYS in antigravity-proxyd(8)",
                      ""};
    case Visibility::Access::refused:
      return ApiError{403,
                      "permission_error",
                      "caller_refused",
                      "the account of the language server has no access to this server",
                      "call as another user",
                      ""};
  }
  return std::nullopt;
}

Response invalid_query(const Error& error) {
  return error_response({400, "invalid_request_error", "invalid_parameter", error.context,
                         "see antigravity-proxy usage --help for what can be asked", ""});
}

Response ledger_failed(const Error& error) {
  return error_response({503, "server_error", "ledger_unavailable", error.code.message(),
                         "antigravity-proxy status names the problem and its remedy", ""});
}

Step usage_step(const Request& request, const Visibility& who, usage::Micros now) {
  auto question = parse_usage_question(request.query, who, now);
  if (!question) {
    return invalid_query(question.error());
  }
  return LedgerJob{[question = std::move(*question), now](ledger::Ledger& ledger) {
    const auto report = ledger.usage(question.query);
    if (!report) {
      return ledger_failed(report.error());
    }
    Response response;
    response.body = render_usage(*report, question, now);
    return response;
  }};
}

Step records_step(const Request& request, const Visibility& who, usage::Micros now) {
  auto query = parse_records_question(request.query, who, now);
  if (!query) {
    return invalid_query(query.error());
  }
  return LedgerJob{[query = std::move(*query), now](ledger::Ledger& ledger) {
    const auto page = ledger.records(query);
    if (!page) {
      return ledger_failed(page.error());
    }
    Response response;
    response.body = render_records(*page, now);
    return response;
  }};
}

Response ledger_document(const Result<std::string>& document) {
  if (!document) {
    return ledger_failed(document.error());
  }
  Response response;
  response.body = *document;
  return response;
}

Step quota_history_step(const Request& request, const Visibility& who, usage::Micros now) {
  auto query = parse_quota_history_question(request.query, who, now);
  if (!query) {
    return invalid_query(query.error());
  }
  return LedgerJob{[query = std::move(*query), now](ledger::Ledger& ledger) {
    return ledger_document(quota_history_document(ledger, query, now));
  }};
}

Step why_step(const Request& request, const Visibility& who, usage::Micros now) {
  auto question = parse_why_question(request.query, who, now);
  if (!question) {
    return invalid_query(question.error());
  }
  return LedgerJob{[question = std::move(*question), now](ledger::Ledger& ledger) {
    return ledger_document(why_document(ledger, question, now));
  }};
}

Step export_step(const Request& request, const Visibility& who, usage::Micros now) {
  auto question = parse_export_question(request.query, who, now);
  if (!question) {
    return invalid_query(question.error());
  }
  return ExportJob{std::move(*question)};
}

Step stream_step(const Request& request, const Visibility& who) {
  const auto ids = request.header("Last-Event-ID");
  auto question = parse_stream_question(
      request.query, ids.empty() ? std::nullopt : std::optional(std::string(ids.front())), who);
  if (!question) {
    return invalid_query(question.error());
  }
  return StreamJob{std::move(*question)};
}

Step schema_step(const Request& request) {
  const auto schema = find_schema(request.path.substr(kSchemas.size()));
  if (!schema) {
    return error_response({404, "invalid_request_error", "not_found", "there is no such schema",
                           "known are " + schema_names(), ""});
  }
  Response response;
  response.content_type = "application/schema+json";
  response.body = *schema;
  return response;
}

// These follow OpenAI's shapes, errors included, and spend quota.
bool is_turn(const Entry& entry) {
  return entry.endpoint == Endpoint::responses || entry.endpoint == Endpoint::chat_completions;
}

Step turn_step(std::variant<TurnJob, ApiError> job) {
  if (const auto* refusal = std::get_if<ApiError>(&job)) {
    return error_response(*refusal, true);
  }
  return std::get<TurnJob>(std::move(job));
}

}  // namespace

Route route_head(const Request& request, const Visibility& who) {
  Route route;
  const Entry* entry = find(request);
  route.openai_shape = entry != nullptr && is_openai(entry->endpoint);
  if (entry == nullptr || !is_for_everyone(entry->endpoint)) {
    route.refusal = refuse_who(who);
    route.is_caller_refused = route.refusal.has_value();
  }
  if (route.refusal) {
    return route;
  }
  if (entry == nullptr) {
    route.refusal = ApiError{404,
                             "invalid_request_error",
                             "not_found",
                             "there is nothing at this path",
                             "known are " + known_paths(),
                             ""};
    return route;
  }
  if (!takes(*entry, request.method)) {
    route.allow = std::string_view(entry->method) == "GET" ? "GET, HEAD" : entry->method;
    route.refusal = ApiError{405,
                             "invalid_request_error",
                             "method_not_allowed",
                             std::string("this path takes ") + entry->method + " only",
                             std::string("use ") + entry->method,
                             ""};
    return route;
  }
  route.wants_body = is_turn(*entry);
  if (is_turn(*entry) && !who.may_drive) {
    route.refusal = refuse_to_drive(who);
  }
  return route;
}

ApiError too_many_failures() {
  return {429,
          "authentication_error",
          "too_many_failures",
          "too many requests from there could not be told to come from any user",
          "wait, then try again with a key that is one: see API KEYS in antigravity-proxyd(8)",
          ""};
}

Step handle(const Request& request, const Visibility& who, usage::Micros now) {
  const Entry* entry = find(request);
  switch (entry == nullptr ? Endpoint::health : entry->endpoint) {
    case Endpoint::page:
      return answer_page(request);
    case Endpoint::health: {
      Response response;
      response.body = "{\"status\":\"ok\"}\n";
      return response;
    }
    case Endpoint::usage:
      return usage_step(request, who, now);
    case Endpoint::records:
      return records_step(request, who, now);
    case Endpoint::stream:
      return stream_step(request, who);
    case Endpoint::exported:
      return export_step(request, who, now);
    case Endpoint::schemas:
      return schema_step(request);
    case Endpoint::status:
      return StatusJob{[now, may_drive = who.may_drive](const StatusReport& report) {
        Response response;
        response.body = render_status(may_drive ? report : without_log(report), now);
        return response;
      }};
    case Endpoint::metrics:
      return MetricsJob{{metrics::negotiate(request.header("Accept")), who.sees_totals}};
    case Endpoint::quota:
      return LoginJob{LoginJob::About::quota, who, {}};
    case Endpoint::quota_history:
      return quota_history_step(request, who, now);
    case Endpoint::why:
      return why_step(request, who, now);
    case Endpoint::models:
      return LoginJob{LoginJob::About::models, who, {}};
    case Endpoint::model:
      return LoginJob{LoginJob::About::models, who, request.path.substr(kModels.size())};
    case Endpoint::sessions:
      return LoginJob{LoginJob::About::sessions, who, {}};
    case Endpoint::responses:
      return turn_step(responses_job(request.body));
    case Endpoint::chat_completions:
      return turn_step(chat_job(request.body));
  }
  return Response{};
}

Response answer_document(const Document& document, bool openai_shape) {
  if (const auto* refusal = std::get_if<ApiError>(&document)) {
    return error_response(*refusal, openai_shape);
  }
  Response response;
  response.body = std::get<std::string>(document);
  return response;
}

}  // namespace agp::api
