#include "daemon/otlp/names.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace agp::otlp {
namespace {

constexpr std::string_view kTokens = "{token}";
constexpr std::string_view kSeconds = "s";

constexpr std::pair<std::string_view, MetricName> kMetrics[] = {
    {"gen_ai_client_inference_usage_input_tokens_total",
     {"gen_ai.client.inference.usage.input_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_usage_output_tokens_total",
     {"gen_ai.client.inference.usage.output_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_usage_cache_read_input_tokens_total",
     {"gen_ai.client.inference.usage.cache_read.input_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_usage_cache_write_input_tokens_total",
     {"gen_ai.client.inference.usage.cache_write.input_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_usage_reasoning_output_tokens_total",
     {"gen_ai.client.inference.usage.reasoning.output_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_duration_seconds",
     {"gen_ai.client.inference.duration", kSeconds, Names::latest}},
    {"gen_ai_client_inference_operation_input_tokens",
     {"gen_ai.client.inference.operation.input_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_operation_output_tokens",
     {"gen_ai.client.inference.operation.output_tokens", kTokens, Names::latest}},
    {"gen_ai_client_inference_time_to_first_chunk_seconds",
     {"gen_ai.client.inference.time_to_first_chunk", kSeconds, Names::latest}},
    {"gen_ai_client_inference_time_per_output_chunk_seconds",
     {"gen_ai.client.inference.time_per_output_chunk", kSeconds, Names::latest}},
    {"gen_ai_client_token_usage", {"gen_ai.client.token.usage", kTokens, Names::v1_41}},
    {"gen_ai_client_operation_duration_seconds",
     {"gen_ai.client.operation.duration", kSeconds, Names::v1_41}},
    {"gen_ai_client_operation_time_to_first_chunk_seconds",
     {"gen_ai.client.operation.time_to_first_chunk", kSeconds, Names::v1_41}},
    {"gen_ai_client_operation_time_per_output_chunk_seconds",
     {"gen_ai.client.operation.time_per_output_chunk", kSeconds, Names::v1_41}},
};

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kLabels[] = {
    {"gen_ai_operation_name", "gen_ai.operation.name"},
    {"gen_ai_provider_name", "gen_ai.provider.name"},
    {"gen_ai_request_model", "gen_ai.request.model"},
    {"gen_ai_response_model", "gen_ai.response.model"},
    {"gen_ai_token_modality", "gen_ai.token.modality"},
    {"gen_ai_token_type", "gen_ai.token.type"},
    {"server_address", "server.address"},
    {"server_port", "server.port"},
    {"error_type", "error.type"},
};

constexpr Pair kUnits[] = {{"bytes", "By"}, {"seconds", kSeconds}, {"ratio", "1"}};

template <class Table>
auto find(const Table& table, std::string_view key) {
  return std::find_if(std::begin(table), std::end(table),
                      [&](const auto& each) { return each.first == key; });
}

}  // namespace

MetricName metric_name(std::string_view name, std::string_view unit) {
  if (const auto found = find(kMetrics, name); found != std::end(kMetrics)) {
    return found->second;
  }
  const auto spelled = find(kUnits, unit);
  return {name, spelled == std::end(kUnits) ? std::string_view() : spelled->second, Names::own};
}

std::string_view attribute_name(std::string_view label) {
  const auto found = find(kLabels, label);
  return found == std::end(kLabels) ? label : found->second;
}

}  // namespace agp::otlp
