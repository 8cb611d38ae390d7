#include "cli/top/view.h"

#include "cli/document.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace agp::cli::top {
namespace {

namespace json = boost::json;

constexpr std::size_t kBar = 20;       // columns of a quota bar between its brackets
constexpr std::size_t kMaxQuotas = 6;  // rows; the rest is what `quota` is for
constexpr std::size_t kFewModels = 3;  // these are always shown, if the screen has any room
constexpr double kLow = 0.2;           // shares of a quota
constexpr double kNearlyEmpty = 0.05;

const json::array& list_in(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const auto* value = find(object, key);
  const auto* list = value == nullptr ? nullptr : value->if_array();
  return list == nullptr ? kNone : *list;
}

const json::object& part_in(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const auto* part = object_in(object, key);
  return part == nullptr ? kNone : *part;
}

std::uint64_t total_of(const json::object& sums) {
  return number_of(sums, "total").value_or(0);
}

std::string model_of(const json::object& group) {
  const auto* model = find(part_in(group, "key"), "model");
  return model == nullptr ? kUnknown : key_text(*model);
}

std::string rate_text(const std::optional<double>& rate) {
  if (!rate) {
    return kUnknown;
  }
  char text[32];
  (void)std::snprintf(text, sizeof text, *rate > 0 && *rate < 10 ? "%.1f" : "%.0f", *rate);
  return text;
}

std::string cost_text(const json::object& sums) {
  const auto* cost = find(sums, "cost_usd_estimate");
  if (cost == nullptr || !cost->is_number()) {
    return kUnknown;
  }
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.4f", cost->to_number<double>());
  return text;
}

// Never rounded up: 100 % is said of what is whole.
std::string percent_text(double share) {
  return share > 0 && share < 0.01 ? "<1 %"
                                   : std::to_string(static_cast<int>(share * 100 + 1e-6)) + " %";
}

std::string bar_of(double share) {
  auto filled = static_cast<std::size_t>(std::floor(std::clamp(share, 0.0, 1.0) * kBar));
  filled = share > 0 && filled == 0 ? 1 : filled;
  return "[" + std::string(filled, '#') + std::string(kBar - filled, '.') + "]";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = text.find('\n', from);
    out.push_back(text.substr(from, end - from));
    from = end == std::string::npos ? text.size() : end + 1;
  }
  return out;
}

ScreenLine title(std::string text) {
  return {{std::move(text), Tone::title}};
}

Tone tone_of_state(const std::string& state) {
  return state == "ok" ? Tone::good : state == "waiting" ? Tone::warning : Tone::bad;
}

std::vector<ScreenLine> head(const Snapshot& now, const Rates& rates, bool is_paused) {
  const auto state = text_of(now.status, "state");
  const auto& totals = part_in(now.usage, "totals");
  std::vector<ScreenLine> out;
  out.push_back(
      {{"antigravity-proxy " + text_of(now.status, "version") + "  ", Tone::title},
       {state, tone_of_state(state)},
       {"  capture " +
            std::string(yes_or_no(part_in(now.status, "capture"), "active") == "yes" ? "on"
                                                                                     : "off") +
            "  " + now.clock + (is_paused ? "  paused" : ""),
        Tone::plain}});
  out.push_back(
      {{"Now    " + rate_text(rates.all) + " tokens/s, " +
            number_text(part_in(now.status, "interception"), "calls_under_way") +
            " calls under way, " + number_text(part_in(now.status, "interception"), "open") +
            " connections open",
        Tone::plain}});
  out.push_back({{"Today  " + number_text(totals, "calls") + " calls, " +
                      number_text(totals, "total") + " tokens, est. $ " + cost_text(totals),
                  Tone::plain}});
  for (const auto& each : list_in(now.status, "problems")) {
    if (const auto* problem = each.if_object()) {
      out.push_back({{is_waiting(*problem) ? "Waits  " : "Wrong  ",
                      is_waiting(*problem) ? Tone::warning : Tone::bad},
                     {text_of(*problem, "message"), Tone::plain}});
      out.push_back({{"       " + text_of(*problem, "remedy"), Tone::dim}});
    }
  }
  out.emplace_back();
  return out;
}

std::vector<ScreenLine> models(const Snapshot& now, const Rates& rates, std::size_t columns) {
  std::vector<const json::object*> groups;
  for (const auto& each : list_in(now.usage, "groups")) {
    if (const auto* group = each.if_object()) {
      groups.push_back(group);
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto* left, const auto* right) {
    return total_of(*left) > total_of(*right);
  });
  std::vector<Row> rows = {
      {"MODEL", "CALLS", "INPUT", "CACHED", "OUTPUT", "TOTAL", "EST. $", "TOK/S"}};
  for (const auto* group : groups) {
    const auto model = model_of(*group);
    const auto rate = rates.by_model.find(model);
    rows.push_back({model, number_text(*group, "calls"), number_text(*group, "input_total"),
                    number_text(*group, "cached_input"), number_text(*group, "output_total"),
                    number_text(*group, "total"), cost_text(*group),
                    rates.all ? rate_text(rate == rates.by_model.end() ? 0.0 : rate->second)
                              : std::string(kUnknown)});
  }
  std::vector<ScreenLine> out;
  for (auto& line : lines_of(
           fitted(std::move(rows), {1, columns, {"CACHED"}, {"CALLS", "EST. $", "OUTPUT", "INPUT"}})
               .text)) {
    out.push_back({{std::move(line), out.empty() ? Tone::title : Tone::plain}});
  }
  if (groups.empty()) {
    out.push_back({{"No call was measured today.", Tone::dim}});
  }
  return out;
}

struct Left {
  std::string name;
  std::optional<double> share;
};

void add_left(std::vector<Left>& out, const std::string& name, const json::object& allowance) {
  const auto* share = find(allowance, "remaining_fraction");
  out.push_back({name, share != nullptr && share->is_number()
                           ? std::optional(share->to_number<double>())
                           : std::nullopt});
}

// Pools where there are any: the models of one share what is left.
std::vector<Left> quotas_of(const json::object& quota) {
  std::vector<Left> out;
  for (const auto& each : list_in(quota, "pools")) {
    if (const auto* pool = each.if_object()) {
      for (const auto& item : list_in(*pool, "buckets")) {
        if (const auto* bucket = item.if_object()) {
          add_left(out, text_of(*pool, "name") + " " + text_of(*bucket, "window"), *bucket);
        }
      }
    }
  }
  if (out.empty()) {
    for (const auto& each : list_in(quota, "models")) {
      if (const auto* model = each.if_object()) {
        add_left(out, text_of(*model, find(*model, "name") != nullptr ? "name" : "id"), *model);
      }
    }
  }
  // What runs out first is what matters; what nobody knows comes last.
  std::stable_sort(out.begin(), out.end(), [](const Left& left, const Left& right) {
    return left.share.value_or(2) < right.share.value_or(2);
  });
  return out;
}

std::vector<ScreenLine> quotas(const Snapshot& now, std::size_t columns) {
  auto all = quotas_of(now.quota);
  std::vector<ScreenLine> out = {title("QUOTA")};
  if (all.empty()) {
    out.push_back({{now.quota_problem.empty() ? "none known" : now.quota_problem, Tone::dim}});
    return out;
  }
  all.resize(std::min(all.size(), kMaxQuotas));
  std::vector<Row> rows;
  for (const auto& each : all) {
    rows.push_back({each.name, each.share ? bar_of(*each.share) : std::string(kBar + 2, ' '),
                    each.share ? percent_text(*each.share) : kUnknown});
  }
  const auto lines = lines_of(fitted(std::move(rows), {1, columns}).text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& share = all[i].share;
    out.push_back({{lines[i], !share                  ? Tone::dim
                              : *share < kNearlyEmpty ? Tone::bad
                              : *share < kLow         ? Tone::warning
                                                      : Tone::plain}});
  }
  return out;
}

// "2026-11-22T10:00:00.000000Z" as "10:00:00".
std::string time_of_day(const std::string& time) {
  return time.size() > 19 && time[10] == 'T' ? time.substr(11, 8) : time;
}

std::vector<ScreenLine> recent_calls(const Snapshot& now, std::size_t columns) {
  std::vector<Row> rows = {{"LAST (UTC)", "MODEL", "KIND", "OUTCOME", "TOTAL"}};
  for (const auto& each : list_in(now.recent, "records")) {
    if (const auto* record = each.if_object()) {
      rows.push_back({time_of_day(text_of(*record, "ended_at")), text_of(*record, "model"),
                      text_of(*record, "request_kind"), text_of(*record, "outcome"),
                      number_text(*record, "total")});
    }
  }
  std::vector<ScreenLine> out;
  for (auto& line : lines_of(fitted(std::move(rows), {4, columns, {"KIND"}, {"OUTCOME"}}).text)) {
    out.push_back({{std::move(line), out.empty() ? Tone::title : Tone::plain}});
  }
  return out;
}

// At most `room` lines of a part with a heading; after a cut the last line says how many there are.
void append(std::vector<ScreenLine>& out, std::vector<ScreenLine> part, std::size_t room) {
  if (room < 2 || part.size() < 2) {
    return;
  }
  if (part.size() > room) {
    const auto hidden = part.size() - room + 1;
    part.resize(room);
    part.back() = {{"and " + std::to_string(hidden) + " more", Tone::dim}};
  }
  std::move(part.begin(), part.end(), std::back_inserter(out));
}

void fit(ScreenLine& line, std::size_t columns) {
  std::size_t room = columns;
  for (auto& span : line) {
    span.text = room == 0 ? std::string() : cut_to(span.text, room);
    room -= width_of(span.text);
  }
}

}  // namespace

Rates rates_between(const Snapshot& before, const Snapshot& now) {
  Rates out;
  const auto& then = part_in(before.usage, "totals");
  const auto& totals = part_in(now.usage, "totals");
  const double seconds = now.at - before.at;
  if (then.empty() || totals.empty() || seconds <= 0 || total_of(totals) < total_of(then)) {
    return out;
  }
  out.all = static_cast<double>(total_of(totals) - total_of(then)) / seconds;
  std::map<std::string, std::uint64_t> earlier;
  for (const auto& each : list_in(before.usage, "groups")) {
    if (const auto* group = each.if_object()) {
      earlier[model_of(*group)] = total_of(*group);
    }
  }
  for (const auto& each : list_in(now.usage, "groups")) {
    if (const auto* group = each.if_object()) {
      const auto model = model_of(*group);
      const auto was = earlier[model];
      out.by_model[model] =
          total_of(*group) < was ? 0.0 : static_cast<double>(total_of(*group) - was) / seconds;
    }
  }
  return out;
}

std::vector<ScreenLine> draw(
    const Snapshot& now, const Rates& rates, Size size, std::size_t skip, bool is_paused) {
  std::vector<ScreenLine> out;
  if (!now.problem.empty()) {
    out.push_back({{"Wrong  ", Tone::bad}, {now.problem, Tone::plain}});
  } else {
    out = head(now, rates, is_paused);
    const std::size_t room = size.rows > out.size() + 1 ? size.rows - out.size() - 1 : 0;
    auto table = models(now, rates, size.columns);
    skip = std::min(skip, table.size() - 2);
    table.erase(table.begin() + 1, table.begin() + 1 + static_cast<std::ptrdiff_t>(skip));
    auto quota = quotas(now, size.columns);
    auto recent = recent_calls(now, size.columns);
    // Models first, then quotas; the last calls get what is left, up to all of them.
    const auto wanted = quota.size() + 1 + std::min<std::size_t>(recent.size(), 4) + 1;
    const auto few = std::min(table.size(), kFewModels + 1);
    const auto share = room > wanted + few ? room - wanted : few;
    append(out, std::move(table), std::min(room, share));
    for (auto* part : {&quota, &recent}) {
      const std::size_t left = size.rows > out.size() + 1 ? size.rows - out.size() - 1 : 0;
      if (left > 2) {
        out.emplace_back();
        append(out, std::move(*part), left - 1);
      }
    }
  }
  out.resize(size.rows > 0 ? size.rows - 1 : 0);
  out.push_back({{"q quit   p pause   up/down scroll the models", Tone::dim}});
  out.resize(size.rows);
  for (auto& line : out) {
    fit(line, size.columns);
  }
  return out;
}

}  // namespace agp::cli::top
