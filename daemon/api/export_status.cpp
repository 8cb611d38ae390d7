#include "daemon/api/export_status.h"

#include "daemon/api/times.h"

namespace agp::api {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<usage::Micros>& at) {
  return at ? json::value(to_rfc3339(*at)) : json::value(nullptr);
}

}  // namespace

json::object export_value(const ExportStatus& status) {
  const auto& counts = status.counts;
  json::object out;
  out["receiver"] = status.receiver;
  out["health"] = status.problem || status.keep_problem ? "failing" : "ok";
  out["last_error"] =
      status.last_error.empty() ? json::value(nullptr) : json::value(status.last_error);
  out["last_sent_at"] = time_or_null(counts.accepted_at);
  out["sent"] = counts.accepted;
  out["failed_attempts"] = counts.failed;
  out["waiting"] = counts.waiting;
  out["waiting_bytes"] = counts.waiting_bytes;
  out["max_waiting_bytes"] = counts.limit_bytes;
  out["oldest_waiting_at"] = time_or_null(counts.oldest_waiting_since);
  out["dropped"] = json::object{{"refused", counts.refused},
                                {"no_room", counts.no_room},
                                {"unwritable", counts.unwritable},
                                {"unreadable", counts.unreadable}};
  return out;
}

}  // namespace agp::api
