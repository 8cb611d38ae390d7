#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <string>
#include <variant>

#include <boost/json/object.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

Finding trust_certificate(Facts& facts) {
  const auto* ca = facts.status_part("ca");
  const auto* status = std::get_if<json::object>(&facts.status());
  if (ca == nullptr || status == nullptr) {
    return no_status();
  }
  const auto end = text_of(*ca, "not_after");
  // Both are RFC 3339 in UTC with the same number of digits, so text order is time order.
  return end != kUnknown && end > text_of(*status, "generated_at")
             ? ok("valid until " + end)
             : wrong("valid until " + end, "systemctl restart antigravity-proxy makes a new one");
}

Finding refusals(Facts& facts, std::string_view key, const char* none) {
  const auto* seen = facts.status_part("interception");
  if (seen == nullptr) {
    return no_status();
  }
  std::string hosts;
  std::string remedy;
  for (const auto& each : array_in(*seen, key)) {
    if (const auto* host = each.if_object()) {
      hosts += (hosts.empty() ? "" : ", ") + text_of(*host, "host") + " (" +
               number_text(*host, "count") + " times)";
      remedy += (remedy.empty() ? "" : "; ") + text_of(*host, "remedy");
    }
  }
  if (!hosts.empty()) {
    return wrong(hosts, remedy);
  }
  if (number_of(*seen, "intercepted").value_or(0) == 0) {
    return unknown("no connection was measured since the start", kUseTheIde);
  }
  return ok(none);
}

Finding trust_clients(Facts& facts) {
  return refusals(facts, "refused_by_client", "no program refused our certificate");
}

Finding trust_upstream(Facts& facts) {
  return refusals(facts, "refused_by_upstream", "every server's certificate was verified");
}

constexpr std::array kChecks{
    Check{"trust.certificate", "trust", "our certificate is valid", trust_certificate},
    Check{"trust.clients", "trust", "programs accept our certificate", trust_clients},
    Check{"trust.upstream", "trust", "the certificates of servers verify", trust_upstream},
};

}  // namespace

std::span<const Check> trust_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
