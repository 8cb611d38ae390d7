#include "daemon/api/metrics.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace agp::api {
namespace {

using Label = std::pair<std::string_view, std::string_view>;

// Text exposition format: backslash, quote and line feed of a label value are escaped.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
  return out;
}

class Page {
 public:
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    text_ += std::string("# HELP ") + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
  }
  void sample(std::uint64_t value, std::initializer_list<Label> labels = {}) {
    text_ += name_;
    char separator = '{';
    for (const auto& [label, content] : labels) {
      text_ += separator;
      text_ += std::string(label) + "=\"" + escaped(content) + '"';
      separator = ',';
    }
    text_ += separator == ',' ? "} " : " ";
    text_ += std::to_string(value) + '\n';
  }
  void single(const char* name, const char* type, const char* help, std::uint64_t value) {
    family(name, type, help);
    sample(value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void connections(Page& page, const InterceptionStatus& status) {
  page.single("antigravity_connections", "gauge", "Connections that are open.", status.open);
  page.single("antigravity_accepted_connections_total", "counter", "Connections accepted.",
              status.accepted);
  page.family("antigravity_connections_total", "counter",
              "Connections by what happened to them and by the protocol inside.");
  std::uint64_t known = 0;
  for (const auto& [protocol, count] : status.intercepted_by_protocol) {
    page.sample(count, {{"disposition", "inspect"}, {"protocol", protocol}});
    known += count;
  }
  if (known == 0) {
    page.sample(0, {{"disposition", "inspect"}, {"protocol", "http/1.1"}});
  }
  page.sample(status.tunnelled, {{"disposition", "passthrough"}, {"protocol", "unknown"}});
  page.sample(status.blocked, {{"disposition", "block"}, {"protocol", "unknown"}});
  page.family("antigravity_unnamed_connections_total", "counter",
              "Connections whose client named no host in clear, by what came instead of a name.");
  for (const auto& [reason, count] : status.unnamed_by_reason) {
    page.sample(count, {{"reason", reason}});
  }
  page.single("antigravity_unparsed_connections_total", "counter",
              "Inspected connections that no reader understood; relayed all the same.",
              status.unparsed);
  page.family("antigravity_rewritten_requests_total", "counter",
              "Requests at hosts with rules of their own, by what the rules did.");
  page.sample(status.requests_blocked, {{"action", "block"}});
  page.sample(status.requests_refused, {{"action", "refuse"}});
  page.sample(status.requests_rewritten, {{"action", "rewrite"}});
  page.single("antigravity_refused_replies_total", "counter",
              "Replies of upstream that were ambiguous or broke a limit.", status.replies_refused);
  page.single("antigravity_connection_timeouts_total", "counter",
              "Connections ended by a deadline.", status.timed_out);
  page.single("antigravity_broken_streams_total", "counter",
              "Connections ended by a TLS error in mid-stream.", status.stream_broken);
}

void failures(Page& page, const InterceptionStatus& status) {
  page.family("antigravity_handshake_failures_total", "counter",
              "TLS handshakes that failed, by leg.");
  page.sample(status.client_refused, {{"leg", "client"}, {"reason", "certificate_refused"}});
  page.sample(status.client_failed, {{"leg", "client"}, {"reason", "handshake_broken"}});
  page.sample(status.no_common_protocol, {{"leg", "client"}, {"reason", "no_common_protocol"}});
  page.sample(status.upstream_refused, {{"leg", "upstream"}, {"reason", "not_verified"}});
  page.family("antigravity_dial_failures_total", "counter",
              "Upstream connections that could not be made.");
  page.sample(status.refused_destination, {{"reason", "destination_refused"}});
  page.sample(status.upstream_unreachable, {{"reason", "unreachable"}});
  page.single("antigravity_upstream_proxy_failures_total", "counter",
              "Upstream connections that upstream.proxy did not make; also counted as unreachable.",
              status.proxy_failed);
}

void room(Page& page, const InterceptionStatus& status) {
  page.family("antigravity_relay_bytes_total", "counter", "Octets taken by the receiving side.");
  page.sample(status.bytes_to_client, {{"direction", "to_client"}});
  page.sample(status.bytes_to_upstream, {{"direction", "to_upstream"}});
  page.single("antigravity_spliced_bytes_total", "counter",
              "Octets of tunnels that did not enter the process; contained in the relayed ones.",
              status.bytes_spliced);
  page.single("antigravity_buffered_bytes", "gauge", "Octets that wait for slow receivers.",
              status.buffered_bytes);
  page.single("antigravity_accept_paused", "gauge",
              "1 while new connections wait in the backlog for room.",
              status.is_accept_paused ? 1 : 0);
  page.family("antigravity_accept_pauses_total", "counter", "How often accepting stopped.");
  page.sample(status.paused_for_connections, {{"reason", "connections"}});
  page.sample(status.paused_for_descriptors, {{"reason", "descriptors"}});
}

void failed_callers(Page& page, const FailedCallers::Counts& failed) {
  page.family("antigravity_api_failed_callers_total", "counter",
              "Requests to the HTTP API that were refused for who made them.");
  page.sample(failed.unidentified, {{"reason", "unidentified"}});
  page.sample(failed.unknown_key, {{"reason", "unknown_key"}});
  page.sample(failed.refused, {{"reason", "refused"}});
  page.single("antigravity_api_limited_callers_total", "counter",
              "Of these, those that came too fast and got no reason.", failed.limited);
}

}  // namespace

std::string render_metrics(const StatusReport& report) {
  Page page;
  page.family("antigravity_build_info", "gauge", "Version of the daemon.");
  page.sample(1, {{"version", report.version}});
  page.family("antigravity_capture_active", "gauge", "1 while traffic is redirected and measured.");
  page.sample(report.capture_active ? 1 : 0, {{"mode", report.capture_mode}});
  failed_callers(page, report.failed_callers);
  page.single("antigravity_redirect_repairs_total", "counter",
              "Times that other programs removed redirect rules, which were put back.",
              report.redirect_repairs);
  if (report.interception) {
    connections(page, *report.interception);
    failures(page, *report.interception);
    room(page, *report.interception);
  }
  return page.take();
}

}  // namespace agp::api
