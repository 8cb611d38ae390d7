#include "daemon/policy/policy.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>
#include <utility>

namespace agp::policy {
namespace {

constexpr const char* kUnreadablePath =
    "the path is too long or encoded too often to be judged by the rules of this host";

/// The most specific element that matches, the later of equals.
template <class T>
const T* most_specific(const std::vector<T>& list, std::string_view host) {
  const auto specificity = [](const T& element) {
    return std::make_tuple(element.match.is_exact(), element.match.literal_size());
  };
  const T* best = nullptr;
  for (const auto& element : list) {
    if (element.match.matches(host) && (!best || specificity(element) >= specificity(*best))) {
      best = &element;
    }
  }
  return best;
}

bool applies_to(const HttpRule& rule, std::string_view method) {
  return rule.methods.empty() ||
         std::find(rule.methods.begin(), rule.methods.end(), method) != rule.methods.end();
}

const HttpRule* rule_for(const std::vector<HttpRule>& rules,
                         std::string_view method,
                         std::string_view path) {
  const auto specificity = [](const HttpRule& rule) {
    return std::make_tuple(rule.path.specificity(), !rule.methods.empty());
  };
  const HttpRule* best = nullptr;
  for (const auto& rule : rules) {
    if (applies_to(rule, method) && rule.path.matches(path) &&
        (!best || specificity(rule) >= specificity(*best))) {
      best = &rule;
    }
  }
  return best;
}

bool is_token_character(char c) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

}  // namespace

const char* name(Action action) {
  switch (action) {
    case Action::inspect:
      return "inspect";
    case Action::tunnel:
      return "tunnel";
    case Action::block:
      return "block";
  }
  return "";
}

Policy::Policy(Parts parts) : parts_(std::move(parts)) {
  assert(parts_.fallback != Action::inspect);
  assert(parts_.unnamed != Action::inspect);
}

Decision Policy::decide(std::optional<std::string_view> host) const {
  const auto known = host ? config::normal_host_name(*host) : std::nullopt;
  if (!known) {
    return {parts_.unnamed, false, 0, parts_.unnamed_where};
  }
  const auto* rule = most_specific(parts_.hosts, *known);
  if (rule == nullptr) {
    return {parts_.fallback, false, 0, parts_.fallback_where};
  }
  bool rewrites = false;
  if (rule->action == Action::inspect) {
    const auto* entry = most_specific(parts_.http, *known);
    rewrites = entry != nullptr && entry->needs_rewriting();
  }
  return {rule->action, rewrites, rule->tunnel_after_refusals, rule->where};
}

HttpVerdict Policy::check(std::string_view host,
                          std::string_view method,
                          std::string_view target) const {
  const auto* entry = http_entry(host);
  if (entry == nullptr || entry->rules.empty()) {
    return {};
  }
  const auto readings = path_readings(target);
  if (!readings) {
    const bool may_block = std::any_of(entry->rules.begin(), entry->rules.end(),
                                       [](const HttpRule& rule) { return !rule.is_allowed; });
    return may_block ? HttpVerdict{false, kUnreadablePath, entry->where} : HttpVerdict{};
  }
  HttpVerdict verdict;
  for (const auto& path : *readings) {
    const auto* rule = rule_for(entry->rules, method, path);
    if (rule != nullptr && !rule->is_allowed) {
      return {false, rule->reason, rule->where};
    }
    if (rule != nullptr && verdict.where.empty()) {
      verdict.where = rule->where;
    }
  }
  return verdict;
}

const HttpEntry* Policy::http_entry(std::string_view host) const {
  const auto known = config::normal_host_name(host);
  return known ? most_specific(parts_.http, *known) : nullptr;
}

const HostEdits* Policy::edits(std::string_view host) const {
  const auto* entry = http_entry(host);
  return entry != nullptr && !entry->edits.empty() ? &entry->edits : nullptr;
}

std::vector<config::HostPattern> Policy::inspected() const {
  std::vector<config::HostPattern> patterns;
  for (const auto& rule : parts_.hosts) {
    if (rule.action == Action::inspect) {
      patterns.push_back(rule.match);
    }
  }
  return patterns;
}

bool Policy::inspects_all_of(const config::HostPattern& pattern) const {
  if (pattern.is_exact()) {
    return decide(pattern.text()).action == Action::inspect;
  }
  // Names that no rule can have meant in particular stand for all the others. Two of them, so that
  // a pattern cannot cover both by the characters they begin or end with; one with a dot for a star
  // that crosses dots.
  for (const std::string_view star : {"q9--z", "z8__q", "q9--z.z8__q"}) {
    std::string host = pattern.text();
    host.replace(host.find('*'), 1, star);
    if (pattern.matches(host) && decide(host).action != Action::inspect) {
      return false;
    }
  }
  return true;
}

bool is_refused_header(std::string_view name) {
  // RFC 9110 section 7.6.1, RFC 9113 sections 8.2.2 and 8.3.
  static constexpr std::array<std::string_view, 20> kRefused = {"connection",
                                                                "content-length",
                                                                "content-encoding",
                                                                "transfer-encoding",
                                                                "te",
                                                                "trailer",
                                                                "upgrade",
                                                                "keep-alive",
                                                                "proxy-connection",
                                                                "proxy-authenticate",
                                                                "proxy-authorization",
                                                                "host",
                                                                "expect",
                                                                "http2-settings",
                                                                "accept-encoding",
                                                                "sec-websocket-key",
                                                                "sec-websocket-accept",
                                                                "sec-websocket-extensions",
                                                                "sec-websocket-version",
                                                                "sec-websocket-protocol"};
  return name.starts_with(':') ||
         std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end();
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_field_value(std::string_view text) {
  const auto is_space = [](char c) {
    return c == ' ' || c == '\t';
  };
  if (text.empty() || is_space(text.front()) || is_space(text.back())) {
    return false;
  }
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_space(c) || (c > 0x20 && c < 0x7F); });
}

}  // namespace agp::policy
