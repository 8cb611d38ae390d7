#include "cli/document.h"
#include "cli/help.h"
#include "cli/why_command.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

const json::array& list_in(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = find(object, key);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::optional<double> share_of(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value != nullptr && value->is_number() ? std::optional(value->to_number<double>())
                                                : std::nullopt;
}

std::string percent(const std::optional<double>& share) {
  if (!share) {
    return kUnknown;
  }
  if (*share > 0 && *share < 0.001) {
    return "<0.1 %";
  }
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.1f %%", *share * 100);
  return text;
}

// Sums of calls none of which is known are not zero.
std::string tokens(const json::object& sums, std::string_view key, std::string_view unknown) {
  const auto calls = number_of(sums, "calls").value_or(0);
  const auto missing = number_of(sums, "usage_unknown").value_or(0) +
                       (unknown.empty() ? 0 : number_of(sums, unknown).value_or(0));
  return calls > 0 && calls <= missing ? kUnknown : number_text(sums, key);
}

std::string total_of(const json::object& sums) {
  return tokens(sums, "total", "");
}

std::string time_text(const json::object& object, std::string_view key) {
  auto text = text_of(object, key);  // 2026-11-22T04:00:00Z
  if (text.size() >= 20 && text[10] == 'T') {
    text[10] = ' ';
    text.resize(16);
  }
  return text;
}

std::string paragraph(const std::string& text, const Style& style) {
  return wrapped(text, style.prose(), 0, 0) + "\n";
}

std::string label(const json::object& quota) {
  const auto* window = find(quota, "window");
  return text_of(quota, "name") +
         (window != nullptr && window->is_string() ? ", " + text_of(quota, "window") : "");
}

void add_parts(std::vector<Row>& rows, const json::object& quota, const char* key) {
  for (const auto& each : list_in(quota, key)) {
    if (const auto* part = each.if_object()) {
      const auto* name = find(*part, "key");
      rows.push_back({name == nullptr ? kUnknown : key_text(*name),
                      percent(share_of(*part, "share")), number_text(*part, "calls"),
                      tokens(*part, "input_total", ""), tokens(*part, "cached_input", ""),
                      tokens(*part, "output_total", ""),
                      tokens(*part, "reasoning", "reasoning_unknown")});
    }
  }
}

std::string parts_text(const json::object& quota, const Style& style) {
  std::string out;
  for (const auto& [key, title] :
       {std::pair("by_model", "MODEL"), {"by_kind", "KIND"}, {"by_cascade", "CONVERSATION"}}) {
    std::vector<Row> rows = {{title, "SHARE", "CALLS", "INPUT", "CACHED", "OUTPUT", "REASONING"}};
    add_parts(rows, quota, key);
    if (rows.size() > 1) {
      out += "\n" + table_of(std::move(rows),
                             {1, style.columns, {"REASONING", "CACHED"}, {"CALLS", "OUTPUT"}});
    }
  }
  return out;
}

std::string falls_text(const json::object& quota, const Style& style) {
  std::vector<Row> rows = {{"BETWEEN (UTC)", "AND", "FELL", "TO", "CALLS", "TOKENS"}};
  for (const auto& each : list_in(quota, "falls")) {
    if (const auto* fall = each.if_object()) {
      const auto from = share_of(*fall, "from");
      const auto to = share_of(*fall, "to");
      rows.push_back({time_text(*fall, "since"), time_text(*fall, "until"),
                      percent(from && to ? std::optional(*from - *to) : std::nullopt), percent(to),
                      number_text(*fall, "calls"), total_of(*fall)});
    }
  }
  return table_of(std::move(rows), {2, style.columns, {"CALLS", "TO"}});
}

std::string quota_text(const json::object& quota, const Style& style) {
  auto head = label(quota) + ": fell by " + percent(share_of(quota, "fell_by"));
  const auto unseen = share_of(quota, "fell_without_calls");
  if (unseen && *unseen > 0) {
    head += ", " + percent(unseen) + " without a measured call";
  }
  return "\n" + painted(style, "1", line_of(head, style)) + falls_text(quota, style) +
         parts_text(quota, style);
}

}  // namespace

Answer<std::string> render_why(std::string_view document, const Style& style) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  const auto* root = error ? nullptr : value.if_object();
  const auto* measured = root == nullptr ? nullptr : object_in(*root, "measured");
  if (measured == nullptr) {
    return unreadable();
  }
  const auto calls = number_of(*measured, "calls");
  auto out = paragraph("From " + time_text(*root, "since") + " to " + time_text(*root, "until") +
                           " (UTC): " + number_text(*measured, "calls") +
                           (calls == std::optional<std::uint64_t>(1) ? " call" : " calls") +
                           " measured that may use up a quota, " + total_of(*measured) + " tokens.",
                       style);
  std::string steady;
  for (const auto& each : list_in(*root, "quotas")) {
    const auto* quota = each.if_object();
    if (quota == nullptr) {
      continue;
    }
    if (list_in(*quota, "falls").empty()) {
      steady += (steady.empty() ? "Did not fall: " : "; ") + label(*quota);
    } else {
      out += quota_text(*quota, style);
    }
  }
  out += steady.empty() ? "" : "\n" + paragraph(steady, style);
  for (const auto& each : list_in(*root, "notes")) {
    if (const auto* note = each.if_object()) {
      out += "\n" + paragraph("Note: " + text_of(*note, "message") + ".", style);
    }
  }
  return out;
}

}  // namespace agp::cli
