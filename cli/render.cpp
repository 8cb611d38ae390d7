#include "cli/render.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kUnknown = "unknown";

Failure unreadable() {
  return {Exit::data, "unreadable", "the answer of antigravity-proxy is not understood",
          "command and daemon are of different versions: restart antigravity-proxy"};
}

const json::value* find(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value == nullptr ? nullptr : value->if_object();
}

// Terminals obey control characters, and names come from the network.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7F ? '?' : c);
  }
  return out;
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr || !value->is_string()) {
    return kUnknown;
  }
  return printable({value->get_string().data(), value->get_string().size()});
}

std::string yes_or_no(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr || !value->is_bool()) {
    return kUnknown;
  }
  return value->get_bool() ? "yes" : "no";
}

std::optional<std::uint64_t> number_of(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_uint64()) {
    return value->get_uint64();
  }
  if (value->is_int64() && value->get_int64() >= 0) {
    return static_cast<std::uint64_t>(value->get_int64());
  }
  return std::nullopt;
}

std::string number_text(const json::object& object, std::string_view key) {
  const auto number = number_of(object, key);
  return number ? grouped(*number) : kUnknown;
}

std::string painted(const Style& style, const char* code, const std::string& text) {
  return style.color ? std::string("\x1b[") + code + "m" + text + "\x1b[0m" : text;
}

// Columns of a terminal, near enough: code points.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

using Row = std::vector<std::string>;

// The first `left` columns are aligned left, the others right.
std::string table_of(const std::vector<Row>& rows, std::size_t left) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      line += i == 0 ? "" : "  ";
      line += i < left ? row[i] + pad : pad + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

// Token sums of records none of which is known are not zero: they are not known.
std::string tokens(const json::object& sums, std::string_view key) {
  const auto calls = number_of(sums, "calls");
  const auto unknown = number_of(sums, "usage_unknown");
  if (!calls || !unknown || (*calls > 0 && *calls == *unknown)) {
    return kUnknown;
  }
  return number_text(sums, key);
}

std::string reasoning(const json::object& sums) {
  const auto calls = number_of(sums, "calls").value_or(0);
  const auto unknown = number_of(sums, "usage_unknown").value_or(0) +
                       number_of(sums, "reasoning_unknown").value_or(0);
  return calls > 0 && calls <= unknown ? kUnknown : tokens(sums, "reasoning");
}

void add_sums(Row& row, const json::object& sums) {
  row.push_back(number_text(sums, "calls"));
  row.push_back(tokens(sums, "input_total"));
  row.push_back(tokens(sums, "cached_input"));
  row.push_back(tokens(sums, "output_total"));
  row.push_back(reasoning(sums));
  row.push_back(tokens(sums, "total"));
}

std::string key_text(const json::value& value) {
  if (value.is_null()) {
    return "(none)";
  }
  if (value.is_string()) {
    return printable({value.get_string().data(), value.get_string().size()});
  }
  return json::serialize(value);
}

std::string range_line(const json::object& document) {
  const auto bound = [&](const char* key, const char* open) {
    const auto* value = find(document, key);
    return value != nullptr && value->is_string() ? text_of(document, key) : std::string(open);
  };
  return "Usage from " + bound("since", "the first record") + " to " + bound("until", "now") +
         " (" + text_of(document, "timezone") + ")\n";
}

std::string notes_of(const json::object& totals) {
  std::string out;
  const auto unknown = number_of(totals, "usage_unknown").value_or(0);
  if (unknown > 0) {
    out += "The usage of " + grouped(unknown) + (unknown == 1 ? " call" : " calls") +
           " is unknown and not in the sums.\n";
  }
  const auto silent = number_of(totals, "reasoning_unknown").value_or(0);
  if (silent > 0) {
    out += grouped(silent) + (silent == 1 ? " call does" : " calls do") +
           " not say how much of the output was reasoning.\n";
  }
  const auto* flags = object_in(totals, "flags");
  if (flags != nullptr && !flags->empty()) {
    out += "Flags:";
    for (const auto& flag : *flags) {
      out += " " + printable({flag.key().data(), flag.key().size()}) + "=" +
             number_text(*flags, std::string_view(flag.key().data(), flag.key().size()));
    }
    out += "\n";
  }
  return out;
}

const char* word_for_group(std::string_view key) {
  if (key == "kind") {
    return "KIND";
  }
  if (key == "model") {
    return "MODEL";
  }
  if (key == "provider") {
    return "PROVIDER";
  }
  if (key == "host") {
    return "HOST";
  }
  if (key == "day") {
    return "DAY";
  }
  if (key == "hour") {
    return "HOUR";
  }
  if (key == "cascade") {
    return "CASCADE";
  }
  return key == "uid" ? "UID" : "KEY";
}

std::string usage_table(const json::object& totals, const json::array& groups) {
  std::vector<Row> rows(1);
  std::size_t keys = 1;
  if (groups.empty()) {
    rows[0].emplace_back("");
  } else if (const auto* key = object_in(groups.front().as_object(), "key")) {
    keys = std::max<std::size_t>(key->size(), 1);
    for (const auto& part : *key) {
      rows[0].emplace_back(word_for_group({part.key().data(), part.key().size()}));
    }
  }
  for (const char* title : {"CALLS", "INPUT", "CACHED", "OUTPUT", "REASONING", "TOTAL"}) {
    rows[0].emplace_back(title);
  }
  for (const auto& group : groups) {
    Row row;
    const auto& sums = group.as_object();
    if (const auto* key = object_in(sums, "key")) {
      for (const auto& part : *key) {
        row.push_back(key_text(part.value()));
      }
    }
    add_sums(row, sums);
    rows.push_back(std::move(row));
  }
  Row last(keys);
  last[0] = "all";
  add_sums(last, totals);
  rows.push_back(std::move(last));
  return table_of(rows, keys);
}

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

std::string capture_text(const json::object& document) {
  const auto& capture = part_of(document, "capture");
  const auto& redirect = part_of(document, "redirect");
  return std::string(yes_or_no(capture, "active") == "yes" ? "active" : "not active") + " (mode " +
         text_of(capture, "mode") + "; IPv4 " + yes_or_no(redirect, "ipv4") + ", IPv6 " +
         yes_or_no(redirect, "ipv6") + ")";
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
  for (const auto& [key, what] : {std::pair{"refused_by_client", "programs refuse our certificate"},
                                  std::pair{"refused_by_upstream", "its certificate is refused"}}) {
    const auto* value = find(seen, key);
    const auto* hosts = value == nullptr ? nullptr : value->if_array();
    if (hosts == nullptr) {
      continue;
    }
    for (const auto& host : *hosts) {
      if (const auto* object = host.if_object()) {
        out += "\n" + painted(style, "1;33", "Refused: ") + text_of(*object, "host") + ": " + what +
               ", " + number_text(*object, "count") + " times, last at " +
               text_of(*object, "last_at") + "\n Remedy: " + text_of(*object, "remedy") + "\n";
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
      out += "\n" + painted(style, "1;31", "Problem: ") + text_of(*object, "message") +
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

Answer<std::string> render_usage(std::string_view document, const Style& style) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  if (error || !value.is_object()) {
    return unreadable();
  }
  const auto& root = value.get_object();
  const auto* totals = object_in(root, "totals");
  const auto* groups_value = find(root, "groups");
  const auto* groups = groups_value == nullptr ? nullptr : groups_value->if_array();
  if (totals == nullptr || groups == nullptr ||
      !std::all_of(groups->begin(), groups->end(), [](const auto& g) { return g.is_object(); })) {
    return unreadable();
  }
  std::string out = painted(style, "1", range_line(root)) + "\n";
  if (number_of(*totals, "calls") == std::optional<std::uint64_t>(0)) {
    return out + "No calls were recorded.\n";
  }
  out += usage_table(*totals, *groups);
  const auto notes = notes_of(*totals);
  return notes.empty() ? out : out + "\n" + notes;
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
  out.text = "antigravity-proxy " + text_of(root, "version") + ": " + painted(style, color, state) +
             "\n\n";
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
  if (object_in(root, "policy") != nullptr) {
    rows.push_back({"  Policy", policy_text(root)});
  }
  if (find(sockets, "connect") != nullptr && joined(sockets, "connect") != joined({}, "")) {
    rows.push_back({"  HTTP CONNECT", joined(sockets, "connect")});
  }
  if (find(sockets, "reverse") != nullptr && joined(sockets, "reverse") != joined({}, "")) {
    rows.push_back({"  Reverse", joined(sockets, "reverse")});
  }
  out.text += table_of(rows, 2) + request_rules_text(root, style) + refusals_text(root, style) +
              problems_text(root, style);
  return out;
}

std::string failure_document(const Failure& failure) {
  json::object inner{{"code", failure.code}, {"message", failure.message}, {"hint", failure.hint}};
  return json::serialize(json::object{{"error", std::move(inner)}}) + "\n";
}

}  // namespace agp::cli
