#include "daemon/metrics/catalogue.h"

#include <algorithm>
#include <iterator>

namespace agp::metrics {
namespace {

constexpr const char* kLedger = "ledger";    // survives restarts, never goes back
constexpr const char* kCalls = "calls";      // that were kept since the start of the process
constexpr const char* kProcess = "process";  // counted since its start
constexpr const char* kStatus = "status";    // as it is now
constexpr const char* kQuota = "quota";      // last answer that somebody asked for

constexpr const char* kUsageLabels =
    "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model "
    "server_address server_port gen_ai_token_modality";
constexpr const char* kCallLabels =
    "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model "
    "server_address server_port error_type";
constexpr const char* kStreamLabels =
    "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model "
    "server_address server_port";
constexpr const char* kTokenTypeLabels =
    "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model "
    "server_address server_port gen_ai_token_type";

constexpr auto kEverybody = Audience::everybody;
constexpr auto kTotals = Audience::totals;

// In the order of the page, one line each.
// clang-format off
constexpr Family kCatalogue[] = {
    // The service
    {"antigravity_build_info", Type::info, "", "version semconv", kEverybody, kStatus, "Version of the daemon, and revision of the GenAI conventions that it follows."},
    {"target_info", Type::info, "", "service_name service_version", kEverybody, kStatus, "Resource of all metrics, as OpenTelemetry names it."},
    {"otel_scope_info", Type::info, "", "otel_scope_name otel_scope_version otel_scope_schema_url", kEverybody, kStatus, "Scope of the gen_ai metrics, with the schema of each revision that is served."},
    {"antigravity_start_timestamp_seconds", Type::gauge, "seconds", "", kEverybody, kStatus, "When the daemon was started."},
    {"antigravity_scrape_sees_usage", Type::gauge, "", "", kEverybody, kStatus, "1 when this answer tells what all users have used, 0 when the caller may not see that."},
    {"antigravity_capture_active", Type::gauge, "", "mode", kEverybody, kStatus, "1 while traffic is redirected and measured."},
    {"antigravity_problems", Type::gauge, "", "severity", kEverybody, kStatus, "Problems that the status names: failing is less than promised, waiting is for somebody to act."},
    {"antigravity_rules_intact", Type::gauge, "", "family", kEverybody, kStatus, "1 while the redirect rules are in place; none while that is not known or not wanted."},
    {"antigravity_rule_repairs_total", Type::counter, "", "cause", kEverybody, kProcess, "Times that redirect rules were gone and were put back."},
    {"antigravity_ca_expiry_timestamp_seconds", Type::gauge, "seconds", "", kEverybody, kStatus, "When the certificate authority ends."},
    {"antigravity_language_server_usable", Type::gauge, "", "", kEverybody, kStatus, "1 while a language server of the service can be driven; none where there is to be none."},
    // Callers of the API
    {"antigravity_api_failed_callers_total", Type::counter, "", "reason", kEverybody, kProcess, "Requests to the HTTP API that were refused for who made them."},
    {"antigravity_api_limited_callers_total", Type::counter, "", "", kEverybody, kProcess, "Of these, those that came too fast and got no reason."},
    // Connections
    {"antigravity_connections", Type::gauge, "", "", kEverybody, kStatus, "Connections that are open."},
    {"antigravity_open_operations", Type::gauge, "", "", kEverybody, kStatus, "Model calls that are under way."},
    {"antigravity_accepted_connections_total", Type::counter, "", "", kEverybody, kProcess, "Connections accepted."},
    {"antigravity_connections_total", Type::counter, "", "disposition protocol", kEverybody, kProcess, "Connections by what happened to them and by the protocol inside."},
    {"antigravity_unnamed_connections_total", Type::counter, "", "reason", kEverybody, kProcess, "Connections whose client named no host in clear, by what came instead of a name."},
    {"antigravity_unparsed_connections_total", Type::counter, "", "", kEverybody, kProcess, "Inspected connections that no reader understood; relayed all the same."},
    {"antigravity_rewritten_requests_total", Type::counter, "", "action", kEverybody, kProcess, "Requests at hosts with rules of their own, by what the rules did."},
    {"antigravity_refused_replies_total", Type::counter, "", "", kEverybody, kProcess, "Replies of upstream that were ambiguous or broke a limit."},
    {"antigravity_connection_timeouts_total", Type::counter, "", "", kEverybody, kProcess, "Connections ended by a deadline."},
    {"antigravity_broken_streams_total", Type::counter, "", "", kEverybody, kProcess, "Connections ended by a TLS error in mid-stream."},
    {"antigravity_handshake_failures_total", Type::counter, "", "leg reason", kEverybody, kProcess, "TLS handshakes that failed, by leg."},
    {"antigravity_dial_failures_total", Type::counter, "", "reason", kEverybody, kProcess, "Upstream connections that could not be made."},
    {"antigravity_upstream_proxy_failures_total", Type::counter, "", "", kEverybody, kProcess, "Upstream connections that upstream.proxy did not make; also counted as unreachable."},
    {"antigravity_relay_bytes_total", Type::counter, "bytes", "direction", kEverybody, kProcess, "Octets taken by the receiving side."},
    {"antigravity_spliced_bytes_total", Type::counter, "bytes", "", kEverybody, kProcess, "Octets of tunnels that did not enter the process; contained in the relayed ones."},
    {"antigravity_buffered_bytes", Type::gauge, "bytes", "", kEverybody, kStatus, "Octets that wait for slow receivers."},
    {"antigravity_accept_paused", Type::gauge, "", "", kEverybody, kStatus, "1 while new connections wait in the backlog for room."},
    {"antigravity_accept_pauses_total", Type::counter, "", "reason", kEverybody, kProcess, "How often accepting stopped."},
    // The ledger
    {"antigravity_ledger_writable", Type::gauge, "", "", kEverybody, kStatus, "1 while calls can be kept; 0 while they wait for the ledger."},
    {"antigravity_ledger_bytes", Type::gauge, "bytes", "", kEverybody, kStatus, "Size of the ledger's files."},
    {"antigravity_ledger_waiting_records", Type::gauge, "", "", kEverybody, kStatus, "Calls that are not in the ledger's file yet."},
    {"antigravity_ledger_records_total", Type::counter, "", "", kEverybody, kLedger, "Calls ever kept."},
    {"antigravity_ledger_lost_records_total", Type::counter, "", "", kEverybody, kLedger, "Calls that could not be kept, while the queue was full."},
    // Export
    {"antigravity_exports_total", Type::counter, "", "sink", kEverybody, kProcess, "Requests with metrics that a receiver took."},
    {"antigravity_export_failures_total", Type::counter, "", "sink", kEverybody, kProcess, "Attempts to send a request with metrics that failed, repeated ones too."},
    {"antigravity_export_dropped_records_total", Type::counter, "", "sink reason", kEverybody, kProcess, "Requests with metrics that were given up."},
    {"antigravity_export_rejected_points_total", Type::counter, "", "sink", kEverybody, kProcess, "Data points that a receiver rejected of requests that it took."},
    {"antigravity_export_queue_records", Type::gauge, "", "sink", kEverybody, kStatus, "Requests with metrics that wait to be sent."},
    {"antigravity_export_queue_bytes", Type::gauge, "bytes", "sink", kEverybody, kStatus, "Size of these on disk."},
    {"antigravity_export_queue_limit_bytes", Type::gauge, "bytes", "sink", kEverybody, kStatus, "Room for them: telemetry.otlp.queue_bytes."},
    {"antigravity_export_oldest_waiting_timestamp_seconds", Type::gauge, "seconds", "sink", kEverybody, kStatus, "When the oldest of these was made; none while none waits."},
    {"antigravity_export_success_timestamp_seconds", Type::gauge, "seconds", "sink", kEverybody, kStatus, "When a receiver last took a request; none before it did."},
    // Usage of all users
    {"antigravity_tokens_total", Type::counter, "", "model class", kTotals, kLedger, "Tokens of all calls whose usage is known; classes have nothing in common, so that their sum is the total."},
    {"antigravity_operations_total", Type::counter, "", "model kind", kTotals, kLedger, "Model calls, whatever became of them."},
    {"antigravity_operation_failures_total", Type::counter, "", "model kind", kTotals, kLedger, "Model calls that ended in an error."},
    {"antigravity_incomplete_operations_total", Type::counter, "", "model kind", kTotals, kLedger, "Model calls that ended without error and before their end."},
    {"antigravity_usage_unreported_operations_total", Type::counter, "", "model reason", kTotals, kLedger, "Model calls whose usage is unknown, which counts as 0 elsewhere."},
    {"antigravity_usage_mismatch_total", Type::counter, "", "class", kTotals, kLedger, "Model calls whose numbers contradict each other."},
    {"antigravity_unpriced_operations_total", Type::counter, "", "model", kTotals, kLedger, "Model calls without a known price, or of unknown usage."},
    {"antigravity_cost_estimate_usd_total", Type::counter, "", "model", kTotals, kLedger, "Estimate at list prices of the calls that have a price; none for a model without any."},
    {"antigravity_quota_remaining_ratio", Type::gauge, "ratio", "pool window", kTotals, kQuota, "Share of a pool's quota that is left; none while it is not known."},
    {"antigravity_quota_reset_timestamp_seconds", Type::gauge, "seconds", "pool window", kTotals, kQuota, "When a pool's quota begins anew."},
    {"antigravity_model_quota_remaining_ratio", Type::gauge, "ratio", "model", kTotals, kQuota, "Share of a model's quota that is left; none while it is not known."},
    {"antigravity_model_quota_reset_timestamp_seconds", Type::gauge, "seconds", "model", kTotals, kQuota, "When a model's quota begins anew."},
    // GenAI conventions
    {"gen_ai_client_inference_usage_input_tokens_total", Type::counter, "", kUsageLabels, kTotals, kLedger, "Input tokens, cached ones included."},
    {"gen_ai_client_inference_usage_output_tokens_total", Type::counter, "", kUsageLabels, kTotals, kLedger, "Output tokens, reasoning included."},
    {"gen_ai_client_inference_usage_cache_read_input_tokens_total", Type::counter, "", kUsageLabels, kTotals, kLedger, "Input tokens that came from a cache."},
    {"gen_ai_client_inference_usage_cache_write_input_tokens_total", Type::counter, "", kUsageLabels, kTotals, kLedger, "Input tokens that were written to a cache."},
    {"gen_ai_client_inference_usage_reasoning_output_tokens_total", Type::counter, "", kUsageLabels, kTotals, kLedger, "Output tokens of reasoning, as far as the provider told them."},
    {"gen_ai_client_inference_duration_seconds", Type::histogram, "seconds", kCallLabels, kTotals, kCalls, "From the first octet of a request to the end of its call."},
    {"gen_ai_client_inference_operation_input_tokens", Type::histogram, "", kCallLabels, kTotals, kCalls, "Input tokens of one call, 0 where they are unknown; for percentiles, not for sums."},
    {"gen_ai_client_inference_operation_output_tokens", Type::histogram, "", kCallLabels, kTotals, kCalls, "Output tokens of one call, 0 where they are unknown; for percentiles, not for sums."},
    {"gen_ai_client_inference_time_to_first_chunk_seconds", Type::histogram, "seconds", kStreamLabels, kTotals, kCalls, "From the first octet of a request to the first chunk of its streamed answer."},
    {"gen_ai_client_inference_time_per_output_chunk_seconds", Type::histogram, "seconds", kStreamLabels, kTotals, kCalls, "From one chunk of a streamed answer to the next."},
    // The same by their older names
    {"gen_ai_client_token_usage", Type::histogram, "", kTokenTypeLabels, kTotals, kCalls, "Tokens of one call whose usage is known (conventions 1.41)."},
    {"gen_ai_client_operation_duration_seconds", Type::histogram, "seconds", kCallLabels, kTotals, kCalls, "From the first octet of a request to the end of its call (conventions 1.41)."},
    {"gen_ai_client_operation_time_to_first_chunk_seconds", Type::histogram, "seconds", kStreamLabels, kTotals, kCalls, "From the first octet of a request to the first chunk of its streamed answer (conventions 1.41)."},
    {"gen_ai_client_operation_time_per_output_chunk_seconds", Type::histogram, "seconds", kStreamLabels, kTotals, kCalls, "From one chunk of a streamed answer to the next (conventions 1.41)."},
};
// clang-format on

}  // namespace

std::span<const Family> catalogue() {
  return kCatalogue;
}

const Family* find_family(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kCatalogue), std::end(kCatalogue),
                                         [&](const Family& each) { return each.name == name; });
  return found == std::end(kCatalogue) ? nullptr : found;
}

}  // namespace agp::metrics
