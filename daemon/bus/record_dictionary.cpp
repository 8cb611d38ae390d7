#include "daemon/bus/record_dictionary.h"

#include "daemon/api/utf8.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace agp::daemon_bus {
namespace {

template <class T>
void put(Dictionary& out, const char* key, const T& value) {
  out.emplace(key, sdbus::Variant(value));
}

// The bus ends a connection that sends text which is not UTF-8.
void put_text(Dictionary& out, const char* key, const std::string& value) {
  put(out, key, api::utf8(value));
}

template <class T>
void put_known(Dictionary& out, const char* key, const std::optional<T>& value) {
  if (value) {
    put(out, key, *value);
  }
}

void put_known(Dictionary& out, const char* key, const std::optional<std::string>& value) {
  if (value) {
    put_text(out, key, *value);
  }
}

template <class Enum>
void put_name(Dictionary& out, const char* key, const std::optional<Enum>& value) {
  if (value) {
    put_text(out, key, name(*value));
  }
}

void put_counts(Dictionary& out,
                const char* key,
                const std::optional<std::map<std::string, std::uint64_t>>& counts) {
  if (!counts) {
    return;
  }
  std::map<std::string, std::uint64_t> clean;
  for (const auto& [word, count] : *counts) {
    clean[api::utf8(word)] = count;
  }
  put(out, key, clean);
}

template <class Strings>
void put_list(Dictionary& out, const char* key, const Strings& values) {
  std::vector<std::string> clean;
  for (const auto& value : values) {
    clean.push_back(api::utf8(value));
  }
  if (!clean.empty()) {
    put(out, key, clean);
  }
}

std::int64_t micros(usage::Micros at) {
  return at.time_since_epoch().count();
}

void put_usage(Dictionary& out, const usage::Usage& usage) {
  put(out, "input_total", usage.input_total);
  put(out, "input_uncached", usage.input_uncached);
  put(out, "cached_input", usage.cached_input);
  put(out, "cache_write", usage.cache_write);
  put_counts(out, "cache_write_by_ttl", usage.cache_write_by_ttl);
  put(out, "tool_use_prompt", usage.tool_use_prompt);
  put(out, "output_total", usage.output_total);
  put_known(out, "reasoning", usage.reasoning);
  put(out, "total", usage.total);
  put_known(out, "reported_total", usage.reported_total);
}

void put_tie(Dictionary& out, const usage::Record& record) {
  put_known(out, "cascade_id", record.cascade_id);
  put_text(out, "cascade_source", name(record.cascade_source));
  if (!record.cascade_evidence.empty()) {
    put_text(out, "cascade_evidence", record.cascade_evidence);
  }
  put_known(out, "trajectory_id", record.trajectory_id);
  put_known(out, "step_index", record.step_index);
}

}  // namespace

Dictionary to_dictionary(const usage::Record& record) {
  Dictionary out;
  put_text(out, "id", record.id);
  put(out, "sequence", record.sequence);
  put(out, "started_at", micros(record.started_at));
  put(out, "ended_at", micros(record.ended_at));
  put_text(out, "host", record.host);
  put_text(out, "protocol", record.protocol);
  put_text(out, "provider", name(record.provider));
  put_text(out, "api", name(record.api));
  put_text(out, "outcome", name(record.outcome));
  put_text(out, "usage_state", name(record.usage_state));
  put_text(out, "request_kind", name(record.request_kind));
  put(out, "stream", record.stream);
  put_tie(out, record);
  put_known(out, "model", record.model);
  put_known(out, "request_model", record.request_model);
  put_known(out, "response_id", record.response_id);
  put_name(out, "finish", record.finish);
  put_name(out, "closed_by", record.closed_by);
  put_known(out, "local_uid", record.local_uid);
  put_known(out, "owner_uid", record.owner_uid);
  put_known(out, "http_status", record.http_status);
  put_known(out, "service_tier", record.service_tier);
  put_known(out, "credits_consumed", record.credits_consumed);
  put_list(out, "tool_calls", record.tool_calls);
  put_list(out, "flags", record.flags);
  if (record.error) {
    put_text(out, "error_type", record.error->type);
  }
  if (record.cost) {
    put(out, "cost_pico_usd_estimate", record.cost->pico_usd);
    put_text(out, "price_version", record.cost->price_version);
  }
  if (record.usage) {
    put_usage(out, *record.usage);
  }
  if (!record.reported.empty()) {
    put_counts(out, "reported", record.reported);
  }
  return out;
}

}  // namespace agp::daemon_bus
