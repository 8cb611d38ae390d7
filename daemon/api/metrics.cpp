#include "daemon/api/metrics.h"

#include "daemon/api/utf8.h"
#include "daemon/metrics/exposition.h"

#include <utility>

namespace agp::api {
namespace {

using metrics::Labels;
using metrics::Sink;

constexpr std::size_t kMicroDigits = 6;

std::string seconds(usage::Micros at) {
  return metrics::decimal(static_cast<std::uint64_t>(at.time_since_epoch().count()), kMicroDigits);
}

void build(Sink& sink, const StatusReport& report, metrics::Semconv semconv) {
  using metrics::Semconv;
  sink.family("antigravity_build_info");
  sink.sample(1, {{"version", report.version},
                  {"semconv", semconv == Semconv::v1_41 ? metrics::kV1_41 : metrics::kLatest}});
  sink.family("target_info");
  sink.sample(1, {{"service_name", metrics::kScope}, {"service_version", report.version}});
  sink.family("otel_scope_info");
  const auto scope = [&](const char* schema) {
    sink.sample(1, {{"otel_scope_name", metrics::kScope},
                    {"otel_scope_version", report.version},
                    {"otel_scope_schema_url", schema}});
  };
  if (semconv != Semconv::v1_41) {
    scope(metrics::kLatestSchemaUrl);
  }
  if (semconv != Semconv::latest) {
    scope(metrics::kV1_41SchemaUrl);
  }
}

void service(Sink& sink, const StatusReport& report, bool sees_usage) {
  if (report.started_at) {
    sink.family("antigravity_start_timestamp_seconds");
    sink.sample_text(seconds(*report.started_at), {});
  }
  sink.single("antigravity_scrape_sees_usage", sees_usage ? 1 : 0);
  sink.family("antigravity_capture_active");
  sink.sample(report.capture_active ? 1 : 0, {{"mode", report.capture_mode}});
  std::uint64_t failing = 0;
  for (const auto& problem : report.problems) {
    failing += problem.severity == Problem::Severity::failing ? 1 : 0;
  }
  sink.family("antigravity_problems");
  sink.sample(failing, {{"severity", "failing"}});
  sink.sample(report.problems.size() - failing, {{"severity", "waiting"}});
  if (report.ca_not_after) {
    sink.family("antigravity_ca_expiry_timestamp_seconds");
    sink.sample_text(seconds(*report.ca_not_after), {});
  }
  if (report.language_server.mode == "managed") {
    sink.single("antigravity_language_server_usable", report.language_server.is_usable ? 1 : 0);
  }
}

void rules(Sink& sink, const StatusReport& report) {
  sink.family("antigravity_rules_intact");
  if (report.capture_mode == "service") {
    const auto family = [&](const char* name, const std::optional<bool>& is_there) {
      if (is_there) {
        sink.sample(*is_there ? 1 : 0, {{"family", name}});
      }
    };
    family("ipv4", report.redirect_v4);
    family("ipv6", report.redirect_v6);
  }
  sink.family("antigravity_rule_repairs_total");
  sink.sample(report.redirect_repairs, {{"cause", "removed_by_others"}});
}

void connections(Sink& sink, const InterceptionStatus& status) {
  sink.single("antigravity_connections", status.open);
  sink.single("antigravity_open_operations", status.calls_under_way);
  sink.single("antigravity_accepted_connections_total", status.accepted);
  sink.family("antigravity_connections_total");
  InterceptionStatus::Counts by_protocol{{"h2", 0}, {"http/1.1", 0}};
  for (const auto& [protocol, count] : status.intercepted_by_protocol) {
    by_protocol[protocol] = count;
  }
  for (const auto& [protocol, count] : by_protocol) {
    sink.sample(count, {{"disposition", "inspect"}, {"protocol", protocol}});
  }
  sink.sample(status.tunnelled, {{"disposition", "passthrough"}, {"protocol", "unknown"}});
  sink.sample(status.blocked, {{"disposition", "block"}, {"protocol", "unknown"}});
  sink.family("antigravity_unnamed_connections_total");
  for (const auto& [reason, count] : status.unnamed_by_reason) {
    sink.sample(count, {{"reason", reason}});
  }
  sink.single("antigravity_unparsed_connections_total", status.unparsed);
  sink.family("antigravity_rewritten_requests_total");
  sink.sample(status.requests_blocked, {{"action", "block"}});
  sink.sample(status.requests_refused, {{"action", "refuse"}});
  sink.sample(status.requests_rewritten, {{"action", "rewrite"}});
  sink.single("antigravity_refused_replies_total", status.replies_refused);
  sink.single("antigravity_connection_timeouts_total", status.timed_out);
  sink.single("antigravity_broken_streams_total", status.stream_broken);
}

void failures(Sink& sink, const InterceptionStatus& status) {
  sink.family("antigravity_handshake_failures_total");
  sink.sample(status.client_refused, {{"leg", "client"}, {"reason", "certificate_refused"}});
  sink.sample(status.client_failed, {{"leg", "client"}, {"reason", "handshake_broken"}});
  sink.sample(status.no_common_protocol, {{"leg", "client"}, {"reason", "no_common_protocol"}});
  sink.sample(status.upstream_refused, {{"leg", "upstream"}, {"reason", "not_verified"}});
  sink.family("antigravity_dial_failures_total");
  sink.sample(status.refused_destination, {{"reason", "destination_refused"}});
  sink.sample(status.upstream_unreachable, {{"reason", "unreachable"}});
  sink.single("antigravity_upstream_proxy_failures_total", status.proxy_failed);
}

void room(Sink& sink, const InterceptionStatus& status) {
  sink.family("antigravity_relay_bytes_total");
  sink.sample(status.bytes_to_client, {{"direction", "to_client"}});
  sink.sample(status.bytes_to_upstream, {{"direction", "to_upstream"}});
  sink.single("antigravity_spliced_bytes_total", status.bytes_spliced);
  sink.single("antigravity_buffered_bytes", status.buffered_bytes);
  sink.single("antigravity_accept_paused", status.is_accept_paused ? 1 : 0);
  sink.family("antigravity_accept_pauses_total");
  sink.sample(status.paused_for_connections, {{"reason", "connections"}});
  sink.sample(status.paused_for_descriptors, {{"reason", "descriptors"}});
}

void failed_callers(Sink& sink, const FailedCallers::Counts& failed) {
  sink.family("antigravity_api_failed_callers_total");
  sink.sample(failed.unidentified, {{"reason", "unidentified"}});
  sink.sample(failed.unknown_key, {{"reason", "unknown_key"}});
  sink.sample(failed.refused, {{"reason", "refused"}});
  sink.single("antigravity_api_limited_callers_total", failed.limited);
}

void ledger(Sink& sink, const StatusReport& report, const metrics::Report& usage) {
  const auto& health = report.ledger_health;
  sink.single("antigravity_ledger_writable", health.problem ? 0 : 1);
  if (usage.ledger_bytes) {
    sink.single("antigravity_ledger_bytes", *usage.ledger_bytes);
  }
  sink.single("antigravity_ledger_waiting_records", health.waiting);
  if (report.ledger_summary) {
    sink.single("antigravity_ledger_records_total", report.ledger_summary->records);
  }
  sink.single("antigravity_ledger_lost_records_total", health.lost_ever);
}

void exports(Sink& sink, const std::optional<metrics::Exports>& exports) {
  if (!exports) {
    return;
  }
  const metrics::Label to{"sink", "otlp"};
  const auto family = [&](const char* name, std::uint64_t value) {
    sink.family(name);
    sink.sample(value, {to});
  };
  family("antigravity_exports_total", exports->accepted);
  family("antigravity_export_failures_total", exports->failed);
  sink.family("antigravity_export_dropped_records_total");
  sink.sample(exports->refused, {to, {"reason", "refused"}});
  sink.sample(exports->no_room, {to, {"reason", "no_room"}});
  sink.sample(exports->unwritable, {to, {"reason", "unwritable"}});
  sink.sample(exports->unreadable, {to, {"reason", "unreadable"}});
  family("antigravity_export_rejected_points_total", exports->rejected_points);
  family("antigravity_export_queue_records", exports->waiting);
  family("antigravity_export_queue_bytes", exports->waiting_bytes);
  family("antigravity_export_queue_limit_bytes", exports->limit_bytes);
  const auto time = [&](const char* name, const std::optional<usage::Micros>& at) {
    sink.family(name);
    if (at) {
      sink.sample_text(seconds(*at), {to});
    }
  };
  time("antigravity_export_oldest_waiting_timestamp_seconds", exports->oldest_waiting_since);
  time("antigravity_export_success_timestamp_seconds", exports->accepted_at);
}

}  // namespace

void gather_metrics(metrics::Sink& sink,
                    const StatusReport& report,
                    const metrics::Report& usage,
                    bool sees_usage) {
  build(sink, report, usage.semconv);
  service(sink, report, sees_usage);
  rules(sink, report);
  failed_callers(sink, report.failed_callers);
  if (report.interception) {
    connections(sink, *report.interception);
    failures(sink, *report.interception);
    room(sink, *report.interception);
  }
  ledger(sink, report, usage);
  exports(sink, usage.exports);
  if (sees_usage) {
    render_calls(sink, usage);
    render_quota(sink, usage.quota);
    render_gen_ai(sink, usage);
  }
}

Response answer_metrics(const Scrape& scrape,
                        const StatusReport& report,
                        const metrics::Report& usage) {
  metrics::Page page(scrape.format, utf8);
  gather_metrics(page, report, usage, scrape.sees_usage);
  Response response;
  response.content_type = content_type(scrape.format);
  response.body = page.finish();
  return response;
}

}  // namespace agp::api
