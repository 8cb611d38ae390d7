#include "daemon/api/ca_report.h"

#include "daemon/api/times.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

json::object certificate_value(const CaReport::Certificate& certificate) {
  return {{"subject", certificate.subject},
          {"sha256", certificate.sha256},
          {"not_before", to_rfc3339(certificate.not_before)},
          {"not_after", to_rfc3339(certificate.not_after)}};
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

std::string render_ca(const CaReport& report, usage::Micros now) {
  json::array permitted;
  for (const auto& domain : report.permitted) {
    permitted.emplace_back(domain);
  }
  json::value rotation = nullptr;
  if (report.rotation) {
    const auto& next = report.rotation->next;
    rotation = json::object{{"step", report.rotation->step},
                            {"next", next ? json::value(certificate_value(*next)) : nullptr}};
  }
  const json::object out = {{"schema", "antigravity-proxy.ca.v1"},
                            {"generated_at", to_rfc3339(now)},
                            {"certificate", certificate_value(report.certificate)},
                            {"renew_at", to_rfc3339(report.renew_at)},
                            {"permitted_names", std::move(permitted)},
                            {"file", report.file},
                            {"bundle", text_or_null(report.bundle)},
                            {"rotation", std::move(rotation)},
                            {"problem", text_or_null(report.problem)}};
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
