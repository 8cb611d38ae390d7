#include "cli/render.h"

#include "cli/document.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

std::string joined(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  const auto* items = value == nullptr ? nullptr : value->if_array();
  std::string out;
  if (items != nullptr) {
    for (const auto& item : *items) {
      out += out.empty() ? "" : ", ";
      out += key_text(item);
    }
  }
  return out.empty() ? "none" : out;
}

const json::object& part_of(const json::object& document, std::string_view key) {
  static const json::object kEmpty;
  const auto* part = object_in(document, key);
  return part == nullptr ? kEmpty : *part;
}

// Another program and this one are at odds about the firewall: worth a look when it goes on.
std::string repairs_text(const json::object& redirect) {
  const auto repairs = number_of(redirect, "repairs").value_or(0);
  if (repairs == 0) {
    return "";
  }
  const auto lost = joined(redirect, "last_lost");
  return "; other programs removed rules " + grouped(repairs) +
         (repairs == 1 ? " time" : " times") + ", put back, last at " +
         text_of(redirect, "last_repair_at") + (lost == "none" ? "" : " (" + lost + ")");
}

std::string held_by(const json::object& redirect) {
  const auto* backend = find(redirect, "backend");
  return backend != nullptr && backend->is_string() ? "; held by " + text_of(redirect, "backend")
                                                    : "";
}

// What the language server may send besides what is redirected.
std::string egress_text(const json::object& redirect) {
  if (text_of(redirect, "egress") != "strict") {
    return "metered: all but QUIC";
  }
  const auto guard = text_of(redirect, "egress_guard");
  const std::string rules = "strict: name resolution only; ";
  if (guard == "loopback") {
    return rules + "firewall rules, and the service manager keeps it to loopback";
  }
  return rules + (guard == "resolver" ? "firewall rules alone, since a resolver is on another "
                                        "machine"
                                      : "firewall rules alone, since this systemd cannot keep it "
                                        "to loopback");
}

std::string capture_text(const json::object& document) {
  const auto& capture = part_of(document, "capture");
  const auto& redirect = part_of(document, "redirect");
  return std::string(yes_or_no(capture, "active") == "yes" ? "active" : "not active") + " (mode " +
         text_of(capture, "mode") + "; IPv4 " + yes_or_no(redirect, "ipv4") + ", IPv6 " +
         yes_or_no(redirect, "ipv6") + held_by(redirect) + ")" + repairs_text(redirect);
}

std::string ledger_text(const json::object& document) {
  const auto& ledger = part_of(document, "ledger");
  std::string out = text_of(ledger, "health") + ", " + number_text(ledger, "records") + " records";
  const auto* last = find(ledger, "last_record_at");
  if (last != nullptr && last->is_string()) {
    out += ", last at " + text_of(ledger, "last_record_at");
  }
  const auto lost = number_of(ledger, "lost").value_or(0);
  if (lost > 0) {
    out += ", " + grouped(lost) + " lost";
  }
  return out;
}

std::string server_text(const json::object& document) {
  const auto& server = part_of(document, "language_server");
  std::string out = text_of(server, "state") + " (mode " + text_of(server, "mode") + ")";
  const auto* waits = find(server, "waits_for");
  if (waits != nullptr && waits->is_string()) {
    out += ", waiting for " + text_of(server, "waits_for");
  }
  return out;
}

std::string policy_text(const json::object& document) {
  const auto& policy = part_of(document, "policy");
  std::string out =
      number_text(policy, "generation") + ", loaded at " + text_of(policy, "loaded_at");
  if (joined(policy, "rewritten_hosts") != "none") {
    out += "; rewritten: " + joined(policy, "rewritten_hosts");
  }
  return out;
}

std::string connections_text(const json::object& document) {
  const auto& seen = part_of(document, "interception");
  std::string out = number_text(seen, "open") + " open; since the start " +
                    number_text(seen, "intercepted") + " measured, " +
                    number_text(seen, "tunnelled") + " tunnelled, " + number_text(seen, "blocked") +
                    " blocked";
  if (const auto unparsed = number_of(seen, "unparsed").value_or(0); unparsed > 0) {
    out += ", " + grouped(unparsed) + " not understood";
  }
  if (const auto stopped = number_of(seen, "requests_blocked").value_or(0) +
                           number_of(seen, "requests_refused").value_or(0);
      stopped > 0) {
    out += "; " + grouped(stopped) + " requests refused";
  }
  if (yes_or_no(part_of(seen, "accept"), "paused") == "yes") {
    out += "; full, new ones wait";
  }
  return out;
}

// What a user must be able to see at a glance: their model is asked something else.
std::string request_rules_text(const json::object& document, const Style& style) {
  const auto hosts = joined(part_of(document, "policy"), "request_rules_hosts");
  return hosts == "none"
             ? ""
             : "\n" + painted(style, "1;33", "Request rules are on: ") + "requests to " + hosts +
                   " are changed; see: antigravity-proxy policy show\n";
}

// Hosts that do not work because one side does not accept the other's certificate.
std::string refusals_text(const json::object& document, const Style& style) {
  std::string out;
  const auto& seen = part_of(document, "interception");
  struct Side {
    const char* key;
    const char* id;
    const char* what;
  };
  for (const auto& [key, id, what] :
       {Side{"refused_by_client", "refused-by-client", "programs refuse our certificate"},
        Side{"refused_by_upstream", "refused-by-upstream", "its certificate is refused"}}) {
    const auto* value = find(seen, key);
    const auto* hosts = value == nullptr ? nullptr : value->if_array();
    if (hosts == nullptr) {
      continue;
    }
    for (const auto& host : *hosts) {
      if (const auto* object = host.if_object()) {
        out += "\n" + painted(style, "1;33", "Refused ") + "(" + id +
               "): " + text_of(*object, "host") + ": " + what + ", " +
               number_text(*object, "count") + " times, last at " + text_of(*object, "last_at") +
               "\n Remedy: " + text_of(*object, "remedy") + "\n";
      }
    }
  }
  return out;
}

std::string problems_text(const json::object& document, const Style& style) {
  const auto* value = find(document, "problems");
  const auto* problems = value == nullptr ? nullptr : value->if_array();
  std::string out;
  if (problems == nullptr) {
    return out;
  }
  for (const auto& problem : *problems) {
    if (const auto* object = problem.if_object()) {
      const bool waits = is_waiting(*object);
      out += "\n" + painted(style, waits ? "1;33" : "1;31", waits ? "Waiting " : "Problem ") + "(" +
             text_of(*object, "code") + "): " + text_of(*object, "message") +
             "\n Remedy: " + text_of(*object, "remedy") + "\n";
    }
  }
  return out;
}

}  // namespace

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

Answer<StatusText> render_status(std::string_view document, const Style& style) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  if (error || !value.is_object()) {
    return unreadable();
  }
  const auto& root = value.get_object();
  StatusText out;
  const auto state = text_of(root, "state");
  out.is_degraded = state == "degraded";
  const char* color = state == "ok" ? "1;32" : (out.is_degraded ? "1;31" : "1;33");
  // Health first: what somebody has to do must not scroll away.
  out.text = "antigravity-proxy " + text_of(root, "version") + ": " + painted(style, color, state) +
             "\n" + problems_text(root, style) + refusals_text(root, style) +
             request_rules_text(root, style) + "\n";
  const auto& sockets = part_of(root, "sockets");
  std::vector<Row> rows = {
      {"  Capture", capture_text(root)},
      {"  Helper", "reachable: " + yes_or_no(part_of(root, "helper"), "reachable")},
      {"  Certificate", "valid until " + text_of(part_of(root, "ca"), "not_after")},
      {"  Ledger", ledger_text(root)},
      {"  Language server", server_text(root)},
      {"  Connections", connections_text(root)},
      {"  API", joined(sockets, "api")},
      {"  Interception", joined(sockets, "intercept")}};
  if (const auto* egress = find(part_of(root, "redirect"), "egress");
      egress != nullptr && egress->is_string()) {
    rows.insert(rows.begin() + 1, {"  Egress", egress_text(part_of(root, "redirect"))});
  }
  if (yes_or_no(part_of(root, "helper"), "limits_enforced") == "no") {
    rows.push_back({"  Limits", "of processes alone: cgroup v2 has no controllers here"});
  }
  if (object_in(root, "policy") != nullptr) {
    rows.push_back({"  Policy", policy_text(root)});
  }
  if (find(sockets, "connect") != nullptr && joined(sockets, "connect") != joined({}, "")) {
    rows.push_back({"  HTTP CONNECT", joined(sockets, "connect")});
  }
  if (find(sockets, "reverse") != nullptr && joined(sockets, "reverse") != joined({}, "")) {
    rows.push_back({"  Reverse", joined(sockets, "reverse")});
  }
  out.text += list_of(rows, style.columns);
  return out;
}

std::string failure_document(const Failure& failure) {
  json::object inner{{"code", failure.code}, {"message", failure.message}, {"hint", failure.hint}};
  return json::serialize(json::object{{"error", std::move(inner)}}) + "\n";
}

}  // namespace agp::cli
