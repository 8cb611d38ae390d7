#include "cli/guard_command.h"

#include "cli/document.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

struct Allowance {
  std::string kind;  // "model" or "pool"
  std::string name;
  std::string window;
  std::optional<double> remaining;
  std::string resets_at;  // empty when it is not known
};

std::string text_or_empty(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value != nullptr && value->is_string() ? text_of(object, key) : std::string();
}

Allowance allowance_of(const json::object& object, std::string kind, std::string name) {
  Allowance out{std::move(kind), std::move(name), text_or_empty(object, "window"), std::nullopt,
                text_or_empty(object, "resets_at")};
  const auto* share = find(object, "remaining_fraction");
  if (share != nullptr && share->is_number()) {
    out.remaining = share->to_number<double>();
  }
  return out;
}

std::vector<const json::object*> objects_in(const json::object& object, std::string_view key) {
  std::vector<const json::object*> out;
  const auto* list = find(object, key);
  if (list != nullptr && list->is_array()) {
    for (const auto& item : list->get_array()) {
      if (const auto* each = item.if_object()) {
        out.push_back(each);
      }
    }
  }
  return out;
}

// Those that the line asks about.
std::vector<Allowance> allowances(const json::object& quota, const Line& line) {
  std::vector<Allowance> out;
  const auto model = line.value("--model");
  const auto pool = line.value("--pool");
  for (const auto* each : objects_in(quota, "models")) {
    const auto id = text_of(*each, "id");
    const bool is_named = model && (*model == id || *model == text_or_empty(*each, "name"));
    if (is_named || (!model && !pool && yes_or_no(*each, "disabled") != "yes")) {
      out.push_back(allowance_of(*each, "model", id));
    }
  }
  for (const auto* each : objects_in(quota, "pools")) {
    const auto name = text_or_empty(*each, "name");
    if (pool ? *pool == name : !model) {
      for (const auto* bucket : objects_in(*each, "buckets")) {
        out.push_back(allowance_of(*bucket, "pool", name));
      }
    }
  }
  return out;
}

struct Verdict {
  std::vector<Allowance> low;
  std::vector<Allowance> unknown;
  bool is_unknown = false;  // no share says that there is enough
};

Verdict judge(const json::object& quota, const Line& line, double least) {
  const auto asked = allowances(quota, line);
  Verdict out;
  for (const auto& each : asked) {
    if (!each.remaining) {
      out.unknown.push_back(each);
    } else if (*each.remaining < least) {
      out.low.push_back(each);
    }
  }
  // What was read earlier may be less by now.
  out.is_unknown = asked.empty() || !out.unknown.empty() || text_of(quota, "state") != "current";
  return out;
}

std::string percent(double share) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%g", std::floor(share * 1000) / 10);
  return std::string(text) + " %";
}

std::string line_of(const Allowance& each) {
  return (each.name.empty() ? "a pool without a name" : each.name) +
         (each.window.empty() ? "" : " (" + each.window + ")") + ": " +
         (each.remaining ? percent(*each.remaining) + " left" : "unknown") +
         (each.resets_at.empty() ? "" : ", resets at " + each.resets_at) + "\n";
}

json::array list_of(const std::vector<Allowance>& all) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
  };
  json::array out;
  for (const auto& each : all) {
    out.push_back(json::object{{"kind", each.kind},
                               {"name", or_null(each.name)},
                               {"window", or_null(each.window)},
                               {"remaining_fraction", each.remaining ? json::value(*each.remaining)
                                                                     : json::value(nullptr)},
                               {"resets_at", or_null(each.resets_at)}});
  }
  return out;
}

Output answer_of(const Verdict& verdict, double least, const Line& line) {
  Output output;
  const bool is_let_pass = line.has("--unknown-ok");
  output.exit = !verdict.low.empty()                 ? Exit::failed
                : verdict.is_unknown && !is_let_pass ? Exit::data
                                                     : Exit::ok;
  if (line.json) {
    json::value enough = nullptr;
    if (!verdict.low.empty() || !verdict.is_unknown) {
      enough = verdict.low.empty();
    }
    output.out = json::serialize(json::object{{"schema", "antigravity-proxy.guard.v1"},
                                              {"enough", std::move(enough)},
                                              {"min_remaining", least},
                                              {"low", list_of(verdict.low)},
                                              {"unknown", list_of(verdict.unknown)}}) +
                 "\n";
    return output;
  }
  for (const auto& each : verdict.low) {
    output.out += line_of(each);
  }
  for (const auto& each : verdict.unknown) {
    output.out += line_of(each);
  }
  if (output.exit == Exit::data) {
    output.err =
        "antigravity-proxy: it is not known whether enough is left\n"
        "see: antigravity-proxy quota; --unknown-ok lets pass what is not known\n";
  }
  return output;
}

}  // namespace

std::optional<double> parse_share(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  if (is_percent) {
    text.remove_suffix(1);
  }
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  value = is_percent ? value / 100 : value;
  const bool is_share = read.ec == std::errc() && read.ptr == end && value >= 0 && value <= 1;
  return is_share ? std::optional(value) : std::nullopt;
}

Output run_guard(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto text = line.value("--min-remaining");
  const auto least = text ? parse_share(*text) : std::nullopt;
  if (!least) {
    return wrong_line("option --min-remaining needs a share such as 20% or 0.2", "guard",
                      line.json);
  }
  if (line.value("--model") && line.value("--pool")) {
    return wrong_line("pass --model or --pool", "guard", line.json);
  }
  const auto answer = daemon.quota();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    // 1 would say that too little is left; without a language server nothing is known.
    if (failure->exit != Exit::failed) {
      return failed(*failure, line.json);
    }
    if (line.has("--unknown-ok")) {
      return answer_of({{}, {}, true}, *least, line);
    }
    auto unknown = *failure;
    unknown.exit = Exit::data;
    return failed(unknown, line.json);
  }
  boost::system::error_code error;
  const auto document = json::parse(std::get<std::string>(answer), error);
  const auto* quota = error ? nullptr : document.if_object();
  const auto* models = quota == nullptr ? nullptr : find(*quota, "models");
  if (models == nullptr || !models->is_array()) {
    return failed(unreadable(), line.json);
  }
  return answer_of(judge(*quota, line, *least), *least, line);
}

}  // namespace agp::cli
