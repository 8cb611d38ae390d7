#include "cli/complete_command.h"

#include "cli/document.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

// Names come from the network and go into a command line: what a shell could take for more than a
// word is left out.
bool is_plain(std::string_view text) {
  constexpr std::string_view kMarks = "-_.:/@+";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

void add(const json::value* value, std::set<std::string>* out) {
  if (value != nullptr && !value->is_null()) {
    const auto text = key_text(*value);
    if (is_plain(text)) {
      out->insert(text);
    }
  }
}

// The member `name` of each object in the list `list` of a document; `inner` is an object on the
// way, if there is one.
void add_from(const Answer<std::string>& answer,
              std::string_view list,
              std::string_view inner,
              std::string_view name,
              std::set<std::string>* out) {
  const auto* document = std::get_if<std::string>(&answer);
  boost::system::error_code error;
  const auto value = document == nullptr ? json::value() : json::parse(*document, error);
  const auto* root = error ? nullptr : value.if_object();
  const auto* items = root == nullptr ? nullptr : find(*root, list);
  if (items == nullptr || !items->is_array()) {
    return;
  }
  for (const auto& item : items->get_array()) {
    const auto* object = item.if_object();
    if (object != nullptr && !inner.empty()) {
      object = object_in(*object, inner);
    }
    if (object != nullptr) {
      add(find(*object, name), out);
    }
  }
}

}  // namespace

Output run_complete(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto& kind = line.arguments[0];
  const auto& kinds = names_in_service();
  if (std::none_of(kinds.begin(), kinds.end(),
                   [&](const ServiceName& each) { return each.name == kind; })) {
    return wrong_line("unknown KIND " + kind, "complete", line.json);
  }
  std::set<std::string> values;
  if (kind == "pool") {
    add_from(daemon.quota(), "pools", "", "name", &values);
  } else {
    add_from(daemon.usage({{"group_by", kind}}), "groups", "key", kind, &values);
  }
  if (kind == "model") {
    add_from(daemon.models(), "data", "", "id", &values);
  }
  Output output;
  json::array list;
  for (const auto& value : values) {
    output.out += line.json ? "" : value + "\n";
    list.emplace_back(value);
  }
  if (line.json) {
    output.out = key_text(list) + "\n";
  }
  return output;
}

bool is_completion(const std::vector<std::string>& words) {
  return !words.empty() && words.front() == "complete";
}

}  // namespace agp::cli
