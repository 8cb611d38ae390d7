#include "daemon/api/usage_api.h"

#include "daemon/api/times.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostRecords = 1000;
constexpr std::size_t kLongestValue = 1024;

Error refused(std::string message) {
  return {ledger::Errc::invalid_query, std::move(message)};
}

Result<std::vector<ledger::GroupBy>> parse_group_by(std::string_view text) {
  std::vector<ledger::GroupBy> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const auto group = ledger::group_by_from(word);
    if (!group) {
      return refused(
          "group_by: expected a comma list of model, provider, host, day, hour, cascade, "
          "kind, uid, got \"" +
          std::string(word) + "\"");
    }
    if (std::find(out.begin(), out.end(), *group) != out.end()) {
      return refused("group_by: \"" + std::string(word) + "\" is there twice");
    }
    out.push_back(*group);
  }
  return out;
}

// True when the parameter is one of the filter's.
Result<bool> parse_filter(const std::string& key,
                          const std::string& value,
                          usage::Micros now,
                          ledger::Filter& filter) {
  if (key == "since" || key == "until") {
    auto at = parse_time(value, now);
    if (!at) {
      return refused(key + ": " + at.error().context);
    }
    (key == "since" ? filter.since : filter.until) = *at;
    return true;
  }
  if (key == "model") {
    filter.model = value;
    return true;
  }
  if (key == "cascade") {
    filter.cascade = value;
    return true;
  }
  return false;
}

Result<> check_form(const Parameters& parameters) {
  std::set<std::string> seen;
  for (const auto& [key, value] : parameters) {
    if (!seen.insert(key).second) {
      return refused(key.substr(0, 64) + ": given twice");
    }
    if (value.size() > kLongestValue) {
      return refused(key.substr(0, 64) + ": longer than 1024 octets");
    }
  }
  return {};
}

json::value or_null(const std::optional<std::string>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

template <class Number>
json::value number_or_null(const std::optional<Number>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value usd_or_null(const std::optional<std::uint64_t>& pico_usd) {
  return pico_usd ? json::value(static_cast<double>(*pico_usd) / 1e12) : json::value(nullptr);
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
    flags[flag] = count;
  }
  out["flags"] = std::move(flags);
  out["cost_usd_estimate"] = usd_or_null(sums.cost_pico_usd);
  out["unpriced"] = sums.unpriced;
}

json::value key_value(ledger::GroupBy group, const std::optional<std::string>& value) {
  if (value && group == ledger::GroupBy::uid) {
    std::uint32_t uid = 0;
    (void)std::from_chars(value->data(), value->data() + value->size(), uid);  // ours: a number
    return uid;
  }
  return or_null(value);
}

json::value counts_or_null(const std::optional<std::map<std::string, std::uint64_t>>& counts) {
  if (!counts) {
    return nullptr;
  }
  json::object out;
  for (const auto& [key, count] : *counts) {
    out[key] = count;
  }
  return out;
}

json::value usage_value(const std::optional<usage::Usage>& usage) {
  if (!usage) {
    return nullptr;
  }
  json::object out;
  out["input_total"] = usage->input_total;
  out["input_uncached"] = usage->input_uncached;
  out["cached_input"] = usage->cached_input;
  out["cache_write"] = usage->cache_write;
  out["cache_write_by_ttl"] = counts_or_null(usage->cache_write_by_ttl);
  out["tool_use_prompt"] = usage->tool_use_prompt;
  out["output_total"] = usage->output_total;
  out["reasoning"] = number_or_null(usage->reasoning);
  out["total"] = usage->total;
  out["reported_total"] = number_or_null(usage->reported_total);
  out["input_by_modality"] = counts_or_null(usage->input_by_modality);
  out["output_by_modality"] = counts_or_null(usage->output_by_modality);
  out["cached_by_modality"] = counts_or_null(usage->cached_by_modality);
  return out;
}

template <class Strings>
json::array strings(const Strings& values) {
  json::array out;
  for (const auto& value : values) {
    out.emplace_back(value);
  }
  return out;
}

json::object record_value(const usage::Record& record) {
  json::object out;
  out["id"] = record.id;
  out["started_at"] = to_rfc3339(record.started_at);
  out["first_byte_at"] = time_or_null(record.first_byte_at);
  out["ended_at"] = to_rfc3339(record.ended_at);
  out["host"] = record.host;
  out["path"] = record.path;
  out["protocol"] = record.protocol;
  out["local_uid"] = number_or_null(record.local_uid);
  out["instance"] = record.instance;
  out["request_kind"] = name(record.request_kind);
  out["cascade_id"] = or_null(record.cascade_id);
  out["cascade_source"] = name(record.cascade_source);
  out["trajectory_id"] = or_null(record.trajectory_id);
  out["step_index"] = number_or_null(record.step_index);
  out["bytes_in"] = record.bytes_in;
  out["bytes_out"] = record.bytes_out;
  out["provider"] = name(record.provider);
  out["api"] = name(record.api);
  out["http_status"] = number_or_null(record.http_status);
  out["stream"] = record.stream;
  out["model"] = or_null(record.model);
  out["model_source"] =
      record.model_source ? json::value(name(*record.model_source)) : json::value(nullptr);
  out["response_id"] = or_null(record.response_id);
  out["request_id"] = or_null(record.request_id);
  out["trace_id"] = or_null(record.trace_id);
  out["outcome"] = name(record.outcome);
  out["finish"] = record.finish ? json::value(name(*record.finish)) : json::value(nullptr);
  out["finish_raw"] = or_null(record.finish_raw);
  out["usage_state"] = name(record.usage_state);
  out["usage"] = usage_value(record.usage);
  out["service_tier"] = or_null(record.service_tier);
  out["tool_calls"] = strings(record.tool_calls);
  out["credits_consumed"] = number_or_null(record.credits_consumed);
  out["error"] = nullptr;
  if (record.error) {
    out["error"] = json::object{{"type", record.error->type}, {"code", record.error->code}};
  }
  out["flags"] = strings(record.flags);
  out["cost_usd"] = nullptr;
  out["price_version"] = nullptr;
  return out;
}

}  // namespace

Result<UsageQuestion> parse_usage_question(const Parameters& parameters,
                                           const Visibility& who,
                                           usage::Micros now) {
  auto form = check_form(parameters);
  if (!form) {
    return form.error();
  }
  UsageQuestion question;
  question.query.group_by = {ledger::GroupBy::model};
  question.query.filter.uids = who.uids;
  for (const auto& [key, value] : parameters) {
    auto known = parse_filter(key, value, now, question.query.filter);
    if (!known) {
      return known.error();
    }
    if (*known) {
      continue;
    }
    if (key == "group_by") {
      auto groups = parse_group_by(value);
      if (!groups) {
        return groups.error();
      }
      question.query.group_by = std::move(*groups);
    } else if (key == "timezone") {
      if (value != "UTC" && value != "Etc/UTC" && value != "Z") {
        return refused("timezone: only UTC is supported, got \"" + value.substr(0, 64) + "\"");
      }
    } else {
      return refused(
          key.substr(0, 64) +
          ": unknown parameter; known are since, until, group_by, model, cascade, timezone");
    }
  }
  return question;
}

Result<ledger::PageQuery> parse_records_question(const Parameters& parameters,
                                                 const Visibility& who,
                                                 usage::Micros now) {
  auto form = check_form(parameters);
  if (!form) {
    return form.error();
  }
  ledger::PageQuery query;
  query.filter.uids = who.uids;
  for (const auto& [key, value] : parameters) {
    auto known = parse_filter(key, value, now, query.filter);
    if (!known) {
      return known.error();
    }
    if (*known) {
      continue;
    }
    if (key == "limit") {
      std::size_t limit = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
      if (error != std::errc() || end != value.data() + value.size() || limit == 0 ||
          limit > kMostRecords) {
        return refused("limit: expected a number from 1 to 1000, got \"" + value.substr(0, 64) +
                       "\"");
      }
      query.limit = limit;
    } else if (key == "cursor") {
      query.cursor = value;
    } else {
      return refused(key.substr(0, 64) +
                     ": unknown parameter; known are limit, cursor, since, until, model, cascade");
    }
  }
  return query;
}

std::string render_usage(const ledger::Report& report,
                         const UsageQuestion& question,
                         usage::Micros now) {
  json::object out;
  out["schema"] = "antigravity-proxy.usage.v1";
  out["generated_at"] = to_rfc3339(now);
  out["since"] = time_or_null(question.query.filter.since);
  out["until"] = time_or_null(question.query.filter.until);
  out["timezone"] = question.timezone;
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
  out["schema"] = "antigravity-proxy.records.v1";
  out["generated_at"] = to_rfc3339(now);
  json::array records;
  for (const auto& record : page.records) {
    records.push_back(record_value(record));
  }
  out["records"] = std::move(records);
  out["next_cursor"] = or_null(page.next);
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
