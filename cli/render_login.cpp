#include "cli/document.h"
#include "cli/forecast_text.h"
#include "cli/render.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMinute = 60;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const auto* value = find(object, key);
  const auto* items = value == nullptr ? nullptr : value->if_array();
  return items == nullptr ? kNone : *items;
}

bool has_text(const json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value != nullptr && value->is_string();
}

// What is not there is nothing to show, as opposed to a number that is not known.
std::string text_or_nothing(const json::object& object, std::string_view key) {
  return has_text(object, key) ? text_of(object, key) : std::string();
}

// Two units at the most: "9 days 3 h", "4 h 12 min", "12 s".
std::string span_text(std::uint64_t seconds) {
  const auto with = [](std::uint64_t count, const std::string& unit) {
    return count == 0 ? std::string() : " " + std::to_string(count) + " " + unit;
  };
  if (seconds >= kDay) {
    const auto days = seconds / kDay;
    return std::to_string(days) + (days == 1 ? " day" : " days") +
           with(seconds % kDay / kHour, "h");
  }
  if (seconds >= kHour) {
    return std::to_string(seconds / kHour) + " h" + with(seconds % kHour / kMinute, "min");
  }
  return seconds >= kMinute ? std::to_string(seconds / kMinute) + " min"
                            : std::to_string(seconds) + " s";
}

// Never rounded up: 100 % is said of what is whole, and 0 % of what is used up.
std::string left_text(const json::object& allowance) {
  const auto* value = find(allowance, "remaining_fraction");
  if (value == nullptr || !value->is_number()) {
    return kUnknown;
  }
  const double share = value->to_number<double>();
  if (share > 0 && share < 0.01) {
    return "<1 %";
  }
  // 0.29 is a little less than that in binary.
  return std::to_string(static_cast<int>(std::floor(share * 100 + 1e-6))) + " %";
}

std::string resets_text(const json::object& allowance) {
  const auto seconds = number_of(allowance, "resets_in_seconds");
  return seconds ? "in " + span_text(*seconds) : std::string(kUnknown);
}

bool is_any(const json::array& items, std::string_view reason) {
  for (const auto& item : items) {
    const auto* object = item.if_object();
    if (object != nullptr && text_of(*object, "unknown_because") == reason) {
      return true;
    }
  }
  return false;
}

std::string plan_line(const json::object& document) {
  const auto* plan = object_in(document, "plan");
  std::string out;
  if (plan != nullptr && has_text(*plan, "name")) {
    out = "Plan " + text_of(*plan, "name");
  }
  if (plan != nullptr && has_text(*plan, "tier_name")) {
    out += (out.empty() ? "Tier " : ", tier ") + text_of(*plan, "tier_name");
  }
  if (const auto age = number_of(document, "age_seconds")) {
    out += (out.empty() ? "Read " : ", read ") + span_text(*age) + " ago";
  }
  return out.empty() ? out : out + "\n\n";
}

std::string problem_text(const json::object& holder, const char* message, const Style& style) {
  return has_text(holder, message)
             ? "\n" + painted(style, "1;33", "Not up to date: ") + text_of(holder, message) +
                   "\n Remedy: " + text_of(holder, "remedy") + "\n"
             : std::string();
}

// A column that says nothing of anything is not there.
std::vector<Row> without_empty_last(std::vector<Row> rows) {
  if (std::all_of(rows.begin() + 1, rows.end(),
                  [](const Row& row) { return row.back().empty(); })) {
    for (auto& row : rows) {
      row.pop_back();
    }
  }
  return rows;
}

std::vector<Row> model_rows(const json::array& models, std::string_view now) {
  std::vector<Row> rows = {{"MODEL", "LEFT", "RESETS", "AT THIS RATE"}};
  for (const auto& each : models) {
    if (const auto* model = each.if_object()) {
      rows.push_back({has_text(*model, "name") ? text_of(*model, "name") : text_of(*model, "id"),
                      left_text(*model), resets_text(*model), forecast_text(*model, now)});
    }
  }
  return without_empty_last(std::move(rows));
}

std::vector<Row> pool_rows(const json::array& pools, std::string_view now) {
  std::vector<Row> rows = {{"POOL", "WINDOW", "LEFT", "RESETS", "AT THIS RATE"}};
  for (const auto& each : pools) {
    const auto* pool = each.if_object();
    for (const auto& item : pool == nullptr ? array_in({}, "") : array_in(*pool, "buckets")) {
      if (const auto* bucket = item.if_object()) {
        rows.push_back({text_or_nothing(*pool, "name"),
                        has_text(*bucket, "window") ? text_of(*bucket, "window")
                                                    : text_or_nothing(*bucket, "name"),
                        left_text(*bucket), resets_text(*bucket), forecast_text(*bucket, now)});
      }
    }
  }
  return without_empty_last(std::move(rows));
}

std::string reasons_text(const json::object& document) {
  bool is_placeholder = is_any(array_in(document, "models"), "placeholder");
  bool is_over = is_any(array_in(document, "models"), "window_over");
  for (const auto& each : array_in(document, "pools")) {
    if (const auto* pool = each.if_object()) {
      is_placeholder = is_placeholder || is_any(array_in(*pool, "buckets"), "placeholder");
      is_over = is_over || is_any(array_in(*pool, "buckets"), "window_over");
    }
  }
  std::string out;
  if (is_placeholder) {
    out +=
        "\nThe language server has no figures: it says that everything\nis full, and not until "
        "when.\n";
  }
  if (is_over) {
    out += "\nA window has ended since the figures were read.\n";
  }
  return out;
}

std::optional<json::object> object_of(std::string_view document) {
  boost::system::error_code error;
  auto value = json::parse(document, error);
  if (error || !value.is_object()) {
    return std::nullopt;
  }
  return std::move(value.get_object());
}

std::string use_text(const json::object& session) {
  if (yes_or_no(session, "in_use") == "yes") {
    return "in use";
  }
  return yes_or_no(session, "usable") == "yes" ? "not used" : "not usable";
}

}  // namespace

Answer<StatusText> render_quota(std::string_view document, const Style& style) {
  const auto root = object_of(document);
  if (!root) {
    return unreadable();
  }
  StatusText out;
  const auto now = text_of(*root, "generated_at");
  out.text = plan_line(*root) + table_of(model_rows(array_in(*root, "models"), now),
                                         {1, style.columns, {}, {"AT THIS RATE", "RESETS"}});
  if (const auto& pools = array_in(*root, "pools"); !pools.empty()) {
    out.text +=
        "\n" + table_of(pool_rows(pools, now), {2, style.columns, {}, {"AT THIS RATE", "RESETS"}});
  }
  out.text += reasons_text(*root);
  if (const auto* problem = object_in(*root, "problem")) {
    out.text += problem_text(*problem, "message", style);
    out.is_degraded = true;
  }
  return out;
}

Answer<StatusText> render_models(std::string_view document, const Style& style) {
  const auto root = object_of(document);
  if (!root) {
    return unreadable();
  }
  std::vector<Row> rows = {{"MODEL", "NAME"}};
  for (const auto& each : array_in(*root, "data")) {
    if (const auto* model = each.if_object()) {
      const auto* own = object_in(*model, "antigravity_proxy");
      rows.push_back({text_of(*model, "id"),
                      own == nullptr ? std::string() : text_or_nothing(*own, "display_name")});
    }
  }
  StatusText out;
  out.text = table_of(std::move(rows), {2, style.columns, {"NAME"}});
  if (const auto* origin = object_in(*root, "antigravity_proxy")) {
    if (text_of(*origin, "source") == "catalogue") {
      out.text += "\nThese are names that are known, not what is offered now.\n";
    }
    out.text += problem_text(*origin, "problem", style);
    out.is_degraded = has_text(*origin, "problem");
  }
  return out;
}

Answer<StatusText> render_sessions(std::string_view document, const Style& style) {
  const auto root = object_of(document);
  if (!root) {
    return unreadable();
  }
  StatusText out;
  const auto& sessions = array_in(*root, "sessions");
  if (sessions.empty()) {
    out.text = "No language server of an IDE is running.\n";
    return out;
  }
  std::vector<Row> rows = {{"USER", "KIND", "ERA", "VERSION", "STATE", "PID"}};
  std::string reasons;
  for (const auto& each : sessions) {
    if (const auto* session = each.if_object()) {
      rows.push_back({text_of(*session, "user"), text_of(*session, "kind"),
                      text_of(*session, "era"), text_of(*session, "version"), use_text(*session),
                      number_of(*session, "pid") ? std::to_string(*number_of(*session, "pid"))
                                                 : std::string(kUnknown)});
      if (has_text(*session, "reason")) {
        reasons += "\n" + painted(style, "1;33", rows.back().back() + ": ") +
                   text_of(*session, "reason") + "\n";
      }
    }
  }
  out.text = table_of(std::move(rows), {5, style.columns, {"ERA", "VERSION"}}) + reasons;
  return out;
}

}  // namespace agp::cli
