#include "daemon/api/usage_api.h"

#include "daemon/api/record_json.h"
#include "daemon/api/rfc3339.h"
#include "daemon/api/utf8.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::optional<std::string>& value) {
  return value ? json::value(utf8(*value)) : json::value(nullptr);
}

json::value time_or_null(const std::optional<usage::Micros>& value) {
  return value ? json::value(to_rfc3339(*value)) : json::value(nullptr);
}

void put_sums(json::object& out, const ledger::Sums& sums) {
  out["calls"] = sums.calls;
  out["ok"] = sums.ok;
  out["partial"] = sums.partial;
  out["errors"] = sums.errors;
  out["usage_unknown"] = sums.usage_unknown;
  out["input_total"] = sums.input_total;
  out["input_uncached"] = sums.input_uncached;
  out["cached_input"] = sums.cached_input;
  out["cache_write"] = sums.cache_write;
  out["tool_use_prompt"] = sums.tool_use_prompt;
  out["output_total"] = sums.output_total;
  out["reasoning"] = sums.reasoning;
  out["total"] = sums.total;
  out["reasoning_unknown"] = sums.reasoning_unknown;
  json::object flags;
  for (const auto& [flag, count] : sums.flags) {
    flags[utf8(flag)] = count;
  }
  out["flags"] = std::move(flags);
  out["cost_usd_estimate"] = usd_value(sums.cost_pico_usd);
  out["unpriced"] = sums.unpriced;
}

// Of old calls only sums are left. A template, so that a ledger without them is no error.
template <class Report>
void put_coverage(json::object& out, const Report& report) {
  if constexpr (requires { report.coarse_before; }) {
    out["covers_since"] = time_or_null(report.covers_since);
    out["covers_until"] = time_or_null(report.covers_until);
    out["coarse_before"] = time_or_null(report.coarse_before);
  } else {
    out["covers_since"] = nullptr;
    out["covers_until"] = nullptr;
    out["coarse_before"] = nullptr;
  }
}

json::value key_value(ledger::GroupBy group, const std::optional<std::string>& value) {
  if (value && group == ledger::GroupBy::uid) {
    std::uint32_t uid = 0;
    (void)std::from_chars(value->data(), value->data() + value->size(), uid);  // ours: a number
    return uid;
  }
  return text_or_null(value);
}

}  // namespace

std::string render_usage(const ledger::Report& report,
                         const UsageQuestion& question,
                         usage::Micros now) {
  json::object out;
  out["schema"] = kUsageSchema;
  out["generated_at"] = to_rfc3339(now);
  out["since"] = time_or_null(question.query.filter.since);
  out["until"] = time_or_null(question.query.filter.until);
  out["timezone"] = question.zone.name();
  out["cost_basis"] = kCostBasis;
  put_coverage(out, report);
  json::object totals;
  put_sums(totals, report.totals);
  out["totals"] = std::move(totals);
  json::array groups;
  for (const auto& group : report.groups) {
    json::object key;
    for (std::size_t i = 0; i < question.query.group_by.size(); ++i) {
      key[name(question.query.group_by[i])] = key_value(question.query.group_by[i], group.key[i]);
    }
    json::object item;
    item["key"] = std::move(key);
    put_sums(item, group.sums);
    groups.push_back(std::move(item));
  }
  out["groups"] = std::move(groups);
  return json::serialize(out) + "\n";
}

std::string render_records(const ledger::Page& page, usage::Micros now) {
  json::object out;
  out["schema"] = kRecordsSchema;
  out["generated_at"] = to_rfc3339(now);
  json::array records;
  for (const auto& record : page.records) {
    records.push_back(record_value(record));
  }
  out["records"] = std::move(records);
  out["next_cursor"] = text_or_null(page.next);
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
