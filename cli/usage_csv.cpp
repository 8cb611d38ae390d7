#include "cli/usage_csv.h"

#include "cli/document.h"
#include "daemon/api/record_csv.h"

#include <algorithm>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

struct Column {
  const char* name;
  bool is_tokens = false;  // of the records whose usage is known
};

constexpr Column kColumns[] = {{"calls"},
                               {"ok"},
                               {"partial"},
                               {"errors"},
                               {"usage_unknown"},
                               {"input_total", true},
                               {"input_uncached", true},
                               {"cached_input", true},
                               {"cache_write", true},
                               {"tool_use_prompt", true},
                               {"output_total", true},
                               {"reasoning", true},
                               {"total", true},
                               {"reasoning_unknown"},
                               {"cost_usd_estimate"},
                               {"unpriced"}};

std::vector<std::string> words_of_list(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

std::string field(const json::value* value) {
  if (value == nullptr || value->is_null()) {
    return "";
  }
  return api::csv_text(value->is_string() ? std::string(value->get_string())
                                          : json::serialize(*value));
}

// Sums of records none of which says what it used are not zero: they are not known.
bool are_tokens_unknown(const json::object& sums) {
  const auto calls = number_of(sums, "calls");
  const auto unknown = number_of(sums, "usage_unknown");
  return !calls || !unknown || (*calls > 0 && *calls == *unknown);
}

bool is_reasoning_unknown(const json::object& sums) {
  const auto calls = number_of(sums, "calls").value_or(0);
  return calls > 0 && calls <= number_of(sums, "usage_unknown").value_or(0) +
                                   number_of(sums, "reasoning_unknown").value_or(0);
}

std::string sum_field(const json::object& sums, const Column& column) {
  const bool is_unknown =
      (column.is_tokens && are_tokens_unknown(sums)) ||
      (std::string_view(column.name) == "reasoning" && is_reasoning_unknown(sums));
  return is_unknown ? "" : field(find(sums, column.name));
}

}  // namespace

Answer<std::string> usage_csv(std::string_view document, std::string_view keys) {
  boost::system::error_code error;
  const auto value = json::parse(document, error);
  const auto* root = error ? nullptr : value.if_object();
  const auto* list = root == nullptr ? nullptr : find(*root, "groups");
  const auto* groups = list == nullptr ? nullptr : list->if_array();
  if (groups == nullptr) {
    return unreadable();
  }
  const auto names = words_of_list(keys);
  std::string out;
  for (const auto& name : names) {
    out += api::csv_text(name) + ",";
  }
  for (const auto& column : kColumns) {
    out += column.name;
    out += &column == std::end(kColumns) - 1 ? "\r\n" : ",";
  }
  for (const auto& group : *groups) {
    const auto* sums = group.if_object();
    const auto* key = sums == nullptr ? nullptr : object_in(*sums, "key");
    if (key == nullptr) {
      return unreadable();
    }
    for (const auto& name : names) {
      out += field(find(*key, name)) + ",";
    }
    for (const auto& column : kColumns) {
      out += sum_field(*sums, column);
      out += &column == std::end(kColumns) - 1 ? "\r\n" : ",";
    }
  }
  return out;
}

}  // namespace agp::cli
