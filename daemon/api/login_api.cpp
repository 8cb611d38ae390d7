#include "daemon/api/login_api.h"

#include "daemon/api/quota_history.h"
#include "daemon/api/rfc3339.h"
#include "daemon/api/utf8.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(utf8(text));
}

json::value problem_value(const std::optional<Problem>& problem) {
  if (!problem) {
    return nullptr;
  }
  return json::object{
      {"code", problem->code}, {"message", problem->message}, {"remedy", problem->remedy}};
}

std::int64_t seconds_between(usage::Micros from, usage::Micros to) {
  return std::chrono::floor<std::chrono::seconds>(to - from).count();
}

const char* name(ls::Unknown reason) {
  switch (reason) {
    case ls::Unknown::not_given:
      return "not_given";
    case ls::Unknown::placeholder:
      return "placeholder";
    case ls::Unknown::bad_value:
      return "bad_value";
  }
  return "";
}

// What was left before a window ended says nothing about the next one.
void put_allowance(json::object& out, const ls::Allowance& allowance, usage::Micros now) {
  const auto resets_at = parse_rfc3339(allowance.resets_at);
  const bool is_over = resets_at && *resets_at <= now;
  out["remaining_fraction"] = nullptr;
  out["unknown_because"] = nullptr;
  if (allowance.remaining && !is_over) {
    out["remaining_fraction"] = allowance.remaining->value();
  } else {
    out["unknown_because"] = allowance.remaining ? "window_over" : name(allowance.unknown);
  }
  out["resets_at"] = resets_at ? json::value(to_rfc3339(*resets_at)) : json::value(nullptr);
  out["resets_in_seconds"] =
      resets_at && !is_over ? json::value(seconds_between(now, *resets_at)) : json::value(nullptr);
}

// Of what is known now; how it went before says nothing about a share that is not.
void put_forecast(json::object& out,
                  const std::vector<quota::Course>& history,
                  quota::Kind kind,
                  const std::string& id,
                  usage::Micros now) {
  out["forecast"] = nullptr;
  if (out["remaining_fraction"].is_null()) {
    return;
  }
  for (const auto& course : history) {
    if (course.series.kind == kind && course.series.id == id) {
      out["forecast"] = forecast_value(quota::forecast(course.points, now));
    }
  }
}

json::object plan_value(const ls::Plan& plan) {
  return {{"name", text_or_null(plan.name)},
          {"tier_id", text_or_null(plan.tier_id)},
          {"tier_name", text_or_null(plan.tier_name)},
          {"available_prompt_credits", plan.available_prompt_credits
                                           ? json::value(*plan.available_prompt_credits)
                                           : json::value(nullptr)}};
}

json::array models_value(const QuotaAnswer& quota, usage::Micros now) {
  json::array out;
  for (const auto& each : quota.account->models) {
    json::object model{{"id", each.id},
                       {"name", text_or_null(each.model.label)},
                       {"slot", text_or_null(each.model.enum_name)},
                       {"disabled", each.model.is_disabled}};
    put_allowance(model, each.allowance, now);
    put_forecast(model, quota.history, quota::Kind::model, each.id, now);
    out.push_back(std::move(model));
  }
  return out;
}

json::array pools_value(const QuotaAnswer& quota, usage::Micros now) {
  json::array out;
  for (const auto& pool : quota.account->pools) {
    json::array buckets;
    for (const auto& each : pool.buckets) {
      json::object bucket{{"id", each.id},
                          {"name", text_or_null(each.name)},
                          {"description", text_or_null(each.description)},
                          {"window", text_or_null(each.window)}};
      put_allowance(bucket, each.allowance, now);
      put_forecast(bucket, quota.history, quota::Kind::pool, each.id, now);
      buckets.push_back(std::move(bucket));
    }
    out.push_back(json::object{{"name", text_or_null(pool.name)}, {"buckets", std::move(buckets)}});
  }
  return out;
}

json::object session_value(const ls::SessionInfo& session) {
  json::array wrappers;
  for (const auto pid : session.wrappers) {
    wrappers.emplace_back(static_cast<std::int64_t>(pid));
  }
  const auto since = std::chrono::time_point_cast<std::chrono::microseconds>(session.since);
  const bool is_era_known = session.era != ls::Era::unknown;
  return {{"id", utf8(session.id)},
          {"pid", static_cast<std::int64_t>(session.pid)},
          {"uid", session.uid},
          {"user", utf8(session.user)},
          {"kind", ls::to_string(session.kind)},
          {"remote", session.is_remote},
          {"era", is_era_known ? json::value(ls::to_string(session.era)) : json::value(nullptr)},
          {"version", text_or_null(session.version)},
          {"since", to_rfc3339(since)},
          {"workspace_id", text_or_null(session.workspace_id)},
          {"app_data_dir", text_or_null(session.app_data_dir)},
          {"usable", session.is_usable},
          {"in_use", session.is_in_use},
          {"reason", text_or_null(session.reason)},
          {"wrappers", std::move(wrappers)}};
}

ApiError not_yours(const char* what) {
  return {
      403,
      "permission_error",
      "not_your_session",
      "the language server runs with the login of another user",
      std::string("only that user, root and members of the group antigravity-proxy may ") + what,
      ""};
}

bool may_see(const Visibility& who, const std::optional<std::uint32_t>& owner) {
  return owner ? who.sees(*owner) : !who.uids;
}

}  // namespace

ApiError no_language_server() {
  return {503,
          "server_error",
          "language_server_off",
          "this service runs without a language server",
          "run it as antigravity-proxy.service, with language_server.mode: managed in proxy.yaml",
          ""};
}

Document quota_document(const std::variant<QuotaAnswer, ApiError>& answer,
                        const Visibility& who,
                        usage::Micros now) {
  if (const auto* refusal = std::get_if<ApiError>(&answer)) {
    return *refusal;
  }
  const auto& quota = std::get<QuotaAnswer>(answer);
  if (!may_see(who, quota.owner)) {
    return not_yours("see its quota");
  }
  json::object out;
  out["schema"] = "antigravity-proxy.quota.v1";
  out["generated_at"] = to_rfc3339(now);
  out["state"] = quota.problem ? "stale" : "current";
  out["read_at"] = to_rfc3339(quota.read_at);
  out["age_seconds"] = std::max<std::int64_t>(0, seconds_between(quota.read_at, now));
  out["problem"] = problem_value(quota.problem);
  out["uid"] = quota.owner ? json::value(*quota.owner) : json::value(nullptr);
  out["plan"] = plan_value(quota.account->plan);
  out["models"] = models_value(quota, now);
  out["pools"] = pools_value(quota, now);
  return json::serialize(out) + "\n";
}

Document models_document(const ModelsAnswer& answer, const Visibility& who, const std::string& id) {
  const bool is_public = answer.source == openai::ModelSource::catalogue;
  if (!is_public && !may_see(who, answer.owner)) {
    return not_yours("ask for its models");
  }
  const auto since =
      std::chrono::floor<std::chrono::seconds>(answer.known_since).time_since_epoch().count();
  if (!id.empty()) {
    const auto* model = openai::find_model(answer.models, id);
    if (model == nullptr) {
      return openai::no_such_model();
    }
    return openai::render_model(answer.models, id, since).body;
  }
  const openai::ListOrigin origin{answer.source, answer.problem ? answer.problem->message : "",
                                  answer.problem ? answer.problem->remedy : ""};
  return openai::render_models(answer.models, since, origin).body;
}

Document sessions_document(const ls::SessionList& list, const Visibility& who, usage::Micros now) {
  json::array sessions;
  for (const auto& each : list.sessions) {
    if (who.sees(each.uid)) {
      sessions.push_back(session_value(each));
    }
  }
  const json::object out{{"schema", "antigravity-proxy.sessions.v1"},
                         {"generated_at", to_rfc3339(now)},
                         {"sessions", std::move(sessions)}};
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
