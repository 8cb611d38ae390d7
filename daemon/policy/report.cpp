#include "daemon/policy/report.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::policy {
namespace {

namespace json = boost::json;

// Answers leave as UTF-8, and what was asked about may be anything.
std::string utf8_or_marks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    out += octet < 0x20 || octet >= 0x7F ? '?' : c;
  }
  return out;
}

json::array strings(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) {
    out.emplace_back(utf8_or_marks(value));
  }
  return out;
}

json::array rules_value(const std::vector<HttpRule>& rules) {
  json::array out;
  for (const auto& rule : rules) {
    json::object item;
    item["methods"] =
        rule.methods.empty() ? json::value("any") : json::value(strings(rule.methods));
    item["path"] = rule.path.text();
    item["action"] = rule.is_allowed ? "allow" : "block";
    item["reason"] = rule.is_allowed ? json::value(nullptr) : json::value(rule.reason);
    item["where"] = rule.where;
    out.push_back(std::move(item));
  }
  return out;
}

json::value edits_value(const HostEdits* edits) {
  json::object out;
  const HostEdits none;
  if (edits == nullptr) {
    edits = &none;
  }
  json::array headers;
  for (const auto& edit : edits->headers) {
    headers.push_back(json::object{
        {"direction", edit.direction == HeaderEdit::Direction::request ? "request" : "response"},
        {edit.op == HeaderEdit::Op::set ? "set" : "remove", edit.name},
        {"where", edit.where}});
  }
  out["headers"] = std::move(headers);
  out["accept_encoding"] =
      edits->limit_accept_encoding
          ? json::object{{"value", "decodable"}, {"where", edits->limit_accept_encoding_where}}
          : json::object{{"value", "as_sent"}, {"where", kBuiltIn}};
  out["system_instruction"] = nullptr;
  if (const auto& instruction = edits->system_instruction) {
    out["system_instruction"] = json::object{
        {"mode", instruction->mode == SystemInstruction::Mode::add ? "add" : "replace"},
        {"octets", instruction->text.size()},
        {"where", instruction->where}};
  }
  json::array models;
  for (const auto& model : edits->map_model) {
    models.push_back(json::object{{"from", model.from}, {"to", model.to}, {"where", model.where}});
  }
  out["map_model"] = std::move(models);
  return out;
}

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

}  // namespace

std::string render_policy(const Policy& policy, const Loaded& loaded) {
  const auto& parts = policy.parts();
  json::object out;
  out["schema"] = "antigravity-proxy.policy.v1";
  out["generation"] = or_null(loaded.generation);
  out["loaded_at"] = or_null(loaded.loaded_at);
  out["default"] = json::object{{"action", name(parts.fallback)}, {"where", parts.fallback_where}};
  out["unnamed"] = json::object{{"action", name(parts.unnamed)}, {"where", parts.unnamed_where}};
  json::array hosts;
  for (const auto& rule : parts.hosts) {
    hosts.push_back(json::object{{"match", rule.match.text()},
                                 {"action", name(rule.action)},
                                 {"tunnel_after_refusals", rule.tunnel_after_refusals},
                                 {"where", rule.where}});
  }
  out["hosts"] = std::move(hosts);
  json::array http;
  for (const auto& entry : parts.http) {
    http.push_back(json::object{{"match", entry.match.text()},
                                {"where", entry.where},
                                {"rules", rules_value(entry.rules)},
                                {"edits", edits_value(&entry.edits)}});
  }
  out["http"] = std::move(http);
  out["locked"] = strings(loaded.locked);
  out["warnings"] = strings(loaded.warnings);
  return json::serialize(out) + "\n";
}

std::string render_check(const Policy& policy,
                         std::string_view host,
                         std::string_view method,
                         std::string_view path) {
  const auto decision =
      policy.decide(host.empty() ? std::optional<std::string_view>() : std::optional(host));
  bool is_allowed = decision.action != Action::block;
  json::object out;
  out["schema"] = "antigravity-proxy.policy-check.v1";
  out["host"] = host.empty() ? json::value(nullptr) : json::value(utf8_or_marks(host));
  out["action"] = name(decision.action);
  out["where"] = decision.where;
  out["rewriting"] = decision.rewrites;
  out["tunnel_after_refusals"] = decision.tunnel_after_refusals;
  const bool is_opened = decision.action == Action::inspect;
  out["edits"] = edits_value(is_opened && !host.empty() ? policy.edits(host) : nullptr);
  out["request"] = nullptr;
  if (!method.empty() || !path.empty()) {
    json::object request{{"method", utf8_or_marks(method)}, {"path", utf8_or_marks(path)}};
    // What is tunnelled cannot be seen, what is blocked does not come to a request.
    request["is_seen"] = is_opened;
    const auto verdict = is_opened ? policy.check(host, method, path) : HttpVerdict{};
    is_allowed = is_allowed && verdict.allowed;
    request["allowed"] = is_allowed;
    request["reason"] = verdict.allowed ? json::value(nullptr) : json::value(verdict.reason);
    request["where"] = verdict.where.empty() ? json::value(nullptr) : json::value(verdict.where);
    out["request"] = std::move(request);
  }
  out["allowed"] = is_allowed;
  return json::serialize(out) + "\n";
}

std::string render_reload(const ReloadOutcome& outcome) {
  json::object out;
  out["schema"] = "antigravity-proxy.policy-reload.v1";
  out["reloaded"] = outcome.is_reloaded;
  out["generation"] = outcome.generation;
  out["faults"] = strings(outcome.faults);
  out["warnings"] = strings(outcome.warnings);
  out["takes_effect_at_restart"] = strings(outcome.takes_effect_at_restart);
  return json::serialize(out) + "\n";
}

}  // namespace agp::policy
