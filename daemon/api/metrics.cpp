#include "daemon/api/metrics.h"

#include "daemon/api/utf8.h"

#include <utility>

namespace agp::api {
namespace {

using metrics::Labels;
using metrics::Page;

constexpr std::size_t kMicroDigits = 6;

std::string seconds(usage::Micros at) {
  return metrics::decimal(static_cast<std::uint64_t>(at.time_since_epoch().count()), kMicroDigits);
}

void build(Page& page, const StatusReport& report, metrics::Semconv semconv) {
  using metrics::Semconv;
  page.family("antigravity_build_info");
  page.sample(1, {{"version", report.version},
                  {"semconv", semconv == Semconv::v1_41 ? metrics::kV1_41 : metrics::kLatest}});
  page.family("target_info");
  page.sample(1, {{"service_name", metrics::kScope}, {"service_version", report.version}});
  page.family("otel_scope_info");
  const auto scope = [&](const char* schema) {
    page.sample(1, {{"otel_scope_name", metrics::kScope},
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

void service(Page& page, const StatusReport& report, bool sees_usage) {
  if (report.started_at) {
    page.family("antigravity_start_timestamp_seconds");
    page.sample_text(seconds(*report.started_at));
  }
  page.single("antigravity_scrape_sees_usage", sees_usage ? 1 : 0);
  page.family("antigravity_capture_active");
  page.sample(report.capture_active ? 1 : 0, {{"mode", report.capture_mode}});
  std::uint64_t failing = 0;
  for (const auto& problem : report.problems) {
    failing += problem.severity == Problem::Severity::failing ? 1 : 0;
  }
  page.family("antigravity_problems");
  page.sample(failing, {{"severity", "failing"}});
  page.sample(report.problems.size() - failing, {{"severity", "waiting"}});
  if (report.ca_not_after) {
    page.family("antigravity_ca_expiry_timestamp_seconds");
    page.sample_text(seconds(*report.ca_not_after));
  }
  if (report.language_server.mode == "managed") {
    page.single("antigravity_language_server_usable", report.language_server.is_usable ? 1 : 0);
  }
}

void rules(Page& page, const StatusReport& report) {
  page.family("antigravity_rules_intact");
  if (report.capture_mode == "service") {
    const auto family = [&](const char* name, const std::optional<bool>& is_there) {
      if (is_there) {
        page.sample(*is_there ? 1 : 0, {{"family", name}});
      }
    };
    family("ipv4", report.redirect_v4);
    family("ipv6", report.redirect_v6);
  }
  page.family("antigravity_rule_repairs_total");
  page.sample(report.redirect_repairs, {{"cause", "removed_by_others"}});
}

void connections(Page& page, const InterceptionStatus& status) {
  page.single("antigravity_connections", status.open);
  page.single("antigravity_open_operations", status.calls_under_way);
  page.single("antigravity_accepted_connections_total", status.accepted);
  page.family("antigravity_connections_total");
  InterceptionStatus::Counts by_protocol{{"h2", 0}, {"http/1.1", 0}};
  for (const auto& [protocol, count] : status.intercepted_by_protocol) {
    by_protocol[protocol] = count;
  }
  for (const auto& [protocol, count] : by_protocol) {
    page.sample(count, {{"disposition", "inspect"}, {"protocol", protocol}});
  }
  page.sample(status.tunnelled, {{"disposition", "passthrough"}, {"protocol", "unknown"}});
  page.sample(status.blocked, {{"disposition", "block"}, {"protocol", "unknown"}});
  page.family("antigravity_unnamed_connections_total");
  for (const auto& [reason, count] : status.unnamed_by_reason) {
    page.sample(count, {{"reason", reason}});
  }
  page.single("antigravity_unparsed_connections_total", status.unparsed);
  page.family("antigravity_rewritten_requests_total");
  page.sample(status.requests_blocked, {{"action", "block"}});
  page.sample(status.requests_refused, {{"action", "refuse"}});
  page.sample(status.requests_rewritten, {{"action", "rewrite"}});
  page.single("antigravity_refused_replies_total", status.replies_refused);
  page.single("antigravity_connection_timeouts_total", status.timed_out);
  page.single("antigravity_broken_streams_total", status.stream_broken);
}

void failures(Page& page, const InterceptionStatus& status) {
  page.family("antigravity_handshake_failures_total");
  page.sample(status.client_refused, {{"leg", "client"}, {"reason", "certificate_refused"}});
  page.sample(status.client_failed, {{"leg", "client"}, {"reason", "handshake_broken"}});
  page.sample(status.no_common_protocol, {{"leg", "client"}, {"reason", "no_common_protocol"}});
  page.sample(status.upstream_refused, {{"leg", "upstream"}, {"reason", "not_verified"}});
  page.family("antigravity_dial_failures_total");
  page.sample(status.refused_destination, {{"reason", "destination_refused"}});
  page.sample(status.upstream_unreachable, {{"reason", "unreachable"}});
  page.single("antigravity_upstream_proxy_failures_total", status.proxy_failed);
}

void room(Page& page, const InterceptionStatus& status) {
  page.family("antigravity_relay_bytes_total");
  page.sample(status.bytes_to_client, {{"direction", "to_client"}});
  page.sample(status.bytes_to_upstream, {{"direction", "to_upstream"}});
  page.single("antigravity_spliced_bytes_total", status.bytes_spliced);
  page.single("antigravity_buffered_bytes", status.buffered_bytes);
  page.single("antigravity_accept_paused", status.is_accept_paused ? 1 : 0);
  page.family("antigravity_accept_pauses_total");
  page.sample(status.paused_for_connections, {{"reason", "connections"}});
  page.sample(status.paused_for_descriptors, {{"reason", "descriptors"}});
}

void failed_callers(Page& page, const FailedCallers::Counts& failed) {
  page.family("antigravity_api_failed_callers_total");
  page.sample(failed.unidentified, {{"reason", "unidentified"}});
  page.sample(failed.unknown_key, {{"reason", "unknown_key"}});
  page.sample(failed.refused, {{"reason", "refused"}});
  page.single("antigravity_api_limited_callers_total", failed.limited);
}

void ledger(Page& page, const StatusReport& report, const metrics::Report& usage) {
  const auto& health = report.ledger_health;
  page.single("antigravity_ledger_writable", health.problem ? 0 : 1);
  if (usage.ledger_bytes) {
    page.single("antigravity_ledger_bytes", *usage.ledger_bytes);
  }
  page.single("antigravity_ledger_waiting_records", health.waiting);
  if (report.ledger_summary) {
    page.single("antigravity_ledger_records_total", report.ledger_summary->records);
  }
  page.single("antigravity_ledger_lost_records_total", health.lost_ever);
}

}  // namespace

Response answer_metrics(const Scrape& scrape,
                        const StatusReport& report,
                        const metrics::Report& usage) {
  Page page(scrape.format, utf8);
  build(page, report, usage.semconv);
  service(page, report, scrape.sees_usage);
  rules(page, report);
  failed_callers(page, report.failed_callers);
  if (report.interception) {
    connections(page, *report.interception);
    failures(page, *report.interception);
    room(page, *report.interception);
  }
  ledger(page, report, usage);
  if (scrape.sees_usage) {
    render_calls(page, usage);
    render_quota(page, usage.quota);
    render_gen_ai(page, usage);
  }
  Response response;
  response.content_type = content_type(scrape.format);
  response.body = page.finish();
  return response;
}

}  // namespace agp::api
