#include "cli/document.h"
#include "cli/render.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

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

// "0.0049", "12.35", "<0.0001"; nothing that could be priced is not nothing to pay.
std::string usd(const json::value* value) {
  if (value == nullptr || !value->is_number()) {
    return "unpriced";
  }
  const double amount = value->to_number<double>();
  if (amount > 0 && amount < 0.0001) {
    return "<0.0001";
  }
  char text[64];
  (void)std::snprintf(text, sizeof text, amount < 1 ? "%.4f" : "%.2f", amount);
  return text;
}

std::string cost_of(const json::object& sums) {
  return number_of(sums, "calls") == std::optional<std::uint64_t>(0)
             ? std::string("0.00")
             : usd(find(sums, "cost_usd_estimate"));
}

struct Column {
  const char* title;
  std::string (*text)(const json::object& sums);
};

constexpr Column kColumns[] = {
    {"CALLS",
     [](const json::object& sums) {
       return number_text(sums, "calls");
     }},
    {"INPUT",
     [](const json::object& sums) {
       return tokens(sums, "input_total");
     }},
    {"CACHED",
     [](const json::object& sums) {
       return tokens(sums, "cached_input");
     }},
    {"OUTPUT",
     [](const json::object& sums) {
       return tokens(sums, "output_total");
     }},
    {"REASONING",
     [](const json::object& sums) {
       return reasoning(sums);
     }},
    {"TOTAL",
     [](const json::object& sums) {
       return tokens(sums, "total");
     }},
    {"EST. $",
     [](const json::object& sums) {
       return cost_of(sums);
     }},
};

void add_sums(Row& row, const json::object& sums) {
  for (const auto& column : kColumns) {
    row.push_back(column.text(sums));
  }
}

std::string range_line(const json::object& document) {
  const auto bound = [&](const char* key, const char* open) {
    const auto* value = find(document, key);
    return value != nullptr && value->is_string() ? text_of(document, key) : std::string(open);
  };
  return "Usage from " + bound("since", "the first record") + " to " + bound("until", "now") +
         " (" + text_of(document, "timezone") + ")";
}

std::string notes_of(const json::object& totals, const Style& style) {
  std::string out;
  const auto unknown = number_of(totals, "usage_unknown").value_or(0);
  if (unknown > 0) {
    out += line_of("The usage of " + grouped(unknown) + (unknown == 1 ? " call" : " calls") +
                       " is unknown and not in the sums.",
                   style);
  }
  const auto silent = number_of(totals, "reasoning_unknown").value_or(0);
  if (silent > 0) {
    out += line_of(grouped(silent) + (silent == 1 ? " call does" : " calls do") +
                       " not say how much of the output was reasoning.",
                   style);
  }
  const auto unpriced = number_of(totals, "unpriced").value_or(0);
  const auto calls = number_of(totals, "calls").value_or(0);
  if (unpriced > 0 && unpriced < calls) {
    out += line_of(grouped(unpriced) + (unpriced == 1 ? " call has" : " calls have") +
                       " no known price and " + (unpriced == 1 ? "is" : "are") + " not in Est. $.",
                   style);
  }
  const auto* flags = object_in(totals, "flags");
  if (flags != nullptr && !flags->empty()) {
    std::string words = "Flags:";
    for (const auto& flag : *flags) {
      words += " " + printable({flag.key().data(), flag.key().size()}) + "=" +
               number_text(*flags, std::string_view(flag.key().data(), flag.key().size()));
    }
    out += line_of(words, style);
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

std::vector<Row> usage_rows(const json::object& totals, const json::array& groups) {
  std::vector<Row> rows(1);
  if (!groups.empty()) {
    if (const auto* key = object_in(groups.front().as_object(), "key")) {
      for (const auto& part : *key) {
        rows[0].emplace_back(word_for_group({part.key().data(), part.key().size()}));
      }
    }
  }
  if (rows[0].empty()) {
    rows[0].emplace_back("");
  }
  const auto keys = rows[0].size();
  for (const auto& column : kColumns) {
    rows[0].emplace_back(column.title);
  }
  for (const auto& group : groups) {
    Row row;
    const auto& sums = group.as_object();
    if (const auto* key = object_in(sums, "key")) {
      for (const auto& part : *key) {
        row.push_back(key_text(part.value()));
      }
    }
    row.resize(keys);
    add_sums(row, sums);
    rows.push_back(std::move(row));
  }
  Row last(keys);
  last[0] = "all";
  add_sums(last, totals);
  rows.push_back(std::move(last));
  return rows;
}

// A shortened name may stand for two models, so columns that can be spared go first.
std::string usage_table(const json::object& totals, const json::array& groups, const Style& style) {
  auto rows = usage_rows(totals, groups);
  const auto keys = rows[0].size() - std::size(kColumns);
  return table_of(
      std::move(rows),
      {keys, style.columns, {"REASONING", "CACHED"}, {"CALLS", "TOTAL", "EST. $", "OUTPUT"}});
}

std::string record_time(const json::object& record) {
  auto text = text_of(record, "started_at");  // 2026-11-22T04:00:00.000001Z
  if (text.size() >= 20 && text[10] == 'T') {
    text[10] = ' ';
    text.resize(16);  // seconds are in --json
  }
  return text;
}

std::string optional_text(const json::object& record, std::string_view key) {
  const auto* value = find(record, key);
  return value == nullptr ? kUnknown : key_text(*value);
}

std::string count_of(const json::object& record, std::string_view key) {
  const auto* usage = object_in(record, "usage");
  return usage == nullptr ? kUnknown : number_text(*usage, key);
}

Row record_row(const json::object& record) {
  return {optional_text(record, "model"),
          text_of(record, "outcome"),
          record_time(record),
          count_of(record, "input_total"),
          count_of(record, "cached_input"),
          count_of(record, "output_total"),
          usd(find(record, "cost_usd"))};
}

}  // namespace

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
  std::string out = painted(style, "1", line_of(range_line(root), style)) + "\n";
  if (number_of(*totals, "calls") == std::optional<std::uint64_t>(0)) {
    return out + "No calls were recorded.\n";
  }
  out += usage_table(*totals, *groups, style);
  const auto notes = notes_of(*totals, style);
  return notes.empty() ? out : out + "\n" + notes;
}

Answer<std::string> render_records(std::string_view document, const Style& style) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  const auto* root = error ? nullptr : value.if_object();
  const auto* list = root == nullptr ? nullptr : find(*root, "records");
  const auto* records = list == nullptr ? nullptr : list->if_array();
  if (records == nullptr ||
      !std::all_of(records->begin(), records->end(), [](const auto& r) { return r.is_object(); })) {
    return unreadable();
  }
  if (records->empty()) {
    return std::string("No calls were recorded.\n");
  }
  std::vector<Row> rows = {
      {"MODEL", "OUTCOME", "STARTED (UTC)", "INPUT", "CACHED", "OUTPUT", "EST. $"}};
  for (const auto& record : *records) {
    rows.push_back(record_row(record.get_object()));
  }
  auto out = table_of(std::move(rows),
                      {2, style.columns, {"CACHED"}, {"EST. $", "OUTCOME", "STARTED (UTC)"}});
  const auto* next = find(*root, "next_cursor");
  if (next != nullptr && next->is_string()) {
    out += "\nMore with: --cursor " + text_of(*root, "next_cursor") + "\n";
  }
  return out;
}

}  // namespace agp::cli
