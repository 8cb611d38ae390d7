#include "daemon/api/interception_status.h"

#include "daemon/api/times.h"

#include <boost/json/array.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

json::object counts(const InterceptionStatus::Counts& from) {
  json::object out;
  for (const auto& [word, count] : from) {
    out[word] = count;
  }
  return out;
}

json::array hosts(const std::vector<InterceptionStatus::Host>& from) {
  json::array out;
  for (const auto& host : from) {
    out.push_back(json::object{{"host", host.host},
                               {"count", host.count},
                               {"last_at", to_rfc3339(host.last_at)},
                               {"detail", host.detail},
                               {"remedy", host.remedy}});
  }
  return out;
}

}  // namespace

json::object interception_value(const InterceptionStatus& status) {
  json::object out;
  out["open"] = status.open;
  out["calls_under_way"] = status.calls_under_way;
  out["accepted"] = status.accepted;
  out["intercepted"] = status.intercepted;
  out["intercepted_by_protocol"] = counts(status.intercepted_by_protocol);
  out["tunnelled"] = status.tunnelled;
  out["tunnelled_by_reason"] = counts(status.tunnelled_by_reason);
  out["unnamed_by_reason"] = counts(status.unnamed_by_reason);
  out["blocked"] = status.blocked;
  out["unparsed"] = status.unparsed;
  out["requests_blocked"] = status.requests_blocked;
  out["requests_refused"] = status.requests_refused;
  out["requests_rewritten"] = status.requests_rewritten;
  out["replies_refused"] = status.replies_refused;
  out["refused_destination"] = status.refused_destination;
  out["upstream_unreachable"] = status.upstream_unreachable;
  out["proxy_failed"] = status.proxy_failed;
  out["upstream_refused"] = status.upstream_refused;
  out["client_refused"] = status.client_refused;
  out["client_failed"] = status.client_failed;
  out["no_common_protocol"] = status.no_common_protocol;
  out["stream_broken"] = status.stream_broken;
  out["timed_out"] = status.timed_out;
  out["bytes"] = json::object{{"to_client", status.bytes_to_client},
                              {"to_upstream", status.bytes_to_upstream},
                              {"spliced", status.bytes_spliced}};
  out["buffered"] =
      json::object{{"bytes", status.buffered_bytes}, {"limit", status.max_buffered_bytes}};
  out["accept"] = json::object{{"paused", status.is_accept_paused},
                               {"max_connections", status.max_connections},
                               {"paused_for_connections", status.paused_for_connections},
                               {"paused_for_descriptors", status.paused_for_descriptors}};
  out["refused_by_client"] = hosts(status.refused_by_client);
  out["refused_by_upstream"] = hosts(status.refused_by_upstream);
  return out;
}

}  // namespace agp::api
