#include "daemon/api/record_json.h"

#include "daemon/api/utf8.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kPicoPerUsd = 1'000'000'000'000;

json::value text_or_null(const std::optional<std::string>& value) {
  return value ? json::value(utf8(*value)) : json::value(nullptr);
}

template <class Number>
json::value number_or_null(const std::optional<Number>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

template <class Enum>
json::value name_or_null(const std::optional<Enum>& value) {
  return value ? json::value(name(*value)) : json::value(nullptr);
}

json::value time_or_null(const std::optional<usage::Micros>& value) {
  return value ? json::value(to_rfc3339(*value)) : json::value(nullptr);
}

json::object counts_object(const std::map<std::string, std::uint64_t>& counts) {
  json::object out;
  for (const auto& [key, count] : counts) {
    out[utf8(key)] = count;
  }
  return out;
}

json::object usage_object(const usage::Usage& usage) {
  json::object out;
  out["input_total"] = usage.input_total;
  out["input_uncached"] = usage.input_uncached;
  out["cached_input"] = usage.cached_input;
  out["cache_write"] = usage.cache_write;
  out["cache_write_by_ttl"] = counts_value(usage.cache_write_by_ttl);
  out["tool_use_prompt"] = usage.tool_use_prompt;
  out["output_total"] = usage.output_total;
  out["reasoning"] = number_or_null(usage.reasoning);
  out["total"] = usage.total;
  out["reported_total"] = number_or_null(usage.reported_total);
  out["input_by_modality"] = counts_value(usage.input_by_modality);
  out["output_by_modality"] = counts_value(usage.output_by_modality);
  out["cached_by_modality"] = counts_value(usage.cached_by_modality);
  return out;
}

template <class Strings>
json::array strings(const Strings& values) {
  json::array out;
  for (const auto& value : values) {
    out.emplace_back(utf8(value));
  }
  return out;
}

void put_origin(json::object& out, const usage::Record& record) {
  out["id"] = utf8(record.id);
  out["sequence"] = record.sequence;
  out["started_at"] = to_rfc3339(record.started_at);
  out["first_byte_at"] = time_or_null(record.first_byte_at);
  out["ended_at"] = to_rfc3339(record.ended_at);
  out["host"] = utf8(record.host);
  out["path"] = utf8(record.path);
  out["protocol"] = utf8(record.protocol);
  out["local_uid"] = number_or_null(record.local_uid);
  out["owner_uid"] = number_or_null(record.owner_uid);
  out["instance"] = utf8(record.instance);
  out["request_kind"] = name(record.request_kind);
  out["cascade_id"] = text_or_null(record.cascade_id);
  out["cascade_source"] = name(record.cascade_source);
  out["cascade_evidence"] = record.cascade_evidence.empty()
                                ? json::value(nullptr)
                                : json::value(utf8(record.cascade_evidence));
  out["cascade_confirmed"] = record.cascade_confirmed;
  out["trajectory_id"] = text_or_null(record.trajectory_id);
  out["step_index"] = number_or_null(record.step_index);
  out["bytes_in"] = record.bytes_in;
  out["bytes_out"] = record.bytes_out;
}

void put_outcome(json::object& out, const usage::Record& record) {
  out["provider"] = name(record.provider);
  out["api"] = name(record.api);
  out["http_status"] = number_or_null(record.http_status);
  out["stream"] = record.stream;
  out["model"] = text_or_null(record.model);
  out["model_source"] = name_or_null(record.model_source);
  out["request_model"] = text_or_null(record.request_model);
  out["response_id"] = text_or_null(record.response_id);
  out["request_id"] = text_or_null(record.request_id);
  out["trace_id"] = text_or_null(record.trace_id);
  out["outcome"] = name(record.outcome);
  out["finish"] = name_or_null(record.finish);
  out["finish_raw"] = text_or_null(record.finish_raw);
  out["closed_by"] = name_or_null(record.closed_by);
  out["error"] = nullptr;
  if (record.error) {
    out["error"] =
        json::object{{"type", utf8(record.error->type)}, {"code", utf8(record.error->code)}};
  }
}

void put_usage(json::object& out, const usage::Record& record) {
  out["usage_state"] = name(record.usage_state);
  out["usage"] = record.usage ? json::value(usage_object(*record.usage)) : json::value(nullptr);
  out["reported"] = counts_object(record.reported);
  out["additional_usage"] = additional_usage_value(record);
  out["service_tier"] = text_or_null(record.service_tier);
  out["modifiers"] = json::object{{"speed", text_or_null(record.modifiers.speed)},
                                  {"inference_geo", text_or_null(record.modifiers.inference_geo)}};
  out["tool_calls"] = strings(record.tool_calls);
  out["server_tools"] = counts_value(record.server_tools);
  out["credits_consumed"] = number_or_null(record.credits_consumed);
  out["flags"] = strings(record.flags);
}

void put_cost(json::object& out, const std::optional<usage::Cost>& cost) {
  if (!cost) {
    for (const char* key :
         {"cost_usd", "cost_pico_usd", "cost_basis", "price_version", "price_aliased"}) {
      out[key] = nullptr;
    }
    return;
  }
  out["cost_usd"] = usd_value(cost->pico_usd);
  out["cost_pico_usd"] = cost->pico_usd;
  out["cost_basis"] = kCostBasis;
  out["price_version"] = utf8(cost->price_version);
  out["price_aliased"] = cost->is_aliased;
}

}  // namespace

json::value counts_value(const std::optional<std::map<std::string, std::uint64_t>>& counts) {
  return counts ? json::value(counts_object(*counts)) : json::value(nullptr);
}

json::value additional_usage_value(const usage::Record& record) {
  json::array out;
  for (const auto& each : record.additional_usage) {
    out.push_back(json::object{{"kind", utf8(each.kind)},
                               {"model", text_or_null(each.model)},
                               {"usage", usage_object(each.usage)}});
  }
  return out;
}

json::value usd_value(const std::optional<std::uint64_t>& pico_usd) {
  return pico_usd ? json::value(static_cast<double>(*pico_usd) / static_cast<double>(kPicoPerUsd))
                  : json::value(nullptr);
}

std::string usd_text(std::uint64_t pico_usd) {
  std::string out = std::to_string(pico_usd / kPicoPerUsd);
  const auto rest = pico_usd % kPicoPerUsd;
  if (rest == 0) {
    return out;
  }
  const auto digits = std::to_string(kPicoPerUsd + rest).substr(1);  // leading zeros kept
  return out + "." + digits.substr(0, digits.find_last_not_of('0') + 1);
}

json::object record_value(const usage::Record& record) {
  json::object out;
  out.reserve(57);
  out["schema"] = kRecordSchema;
  put_origin(out, record);
  put_outcome(out, record);
  put_usage(out, record);
  put_cost(out, record.cost);
  return out;
}

std::string record_line(const usage::Record& record) {
  return json::serialize(record_value(record));
}

}  // namespace agp::api
