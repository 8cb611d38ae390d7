#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <cstdint>
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
  // Both are RFC 3339 in UTC: but for parts of a second, text order is time order.
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

constexpr std::uint32_t kOthersMayWrite = 022;
constexpr std::uint32_t kOthersMayRead = 077;
constexpr const char* kRestart = "systemctl restart antigravity-proxy writes it anew";

// Who it belongs to and who may change it; empty: root alone.
std::string bundle_exposure(const FileFacts& file) {
  if (file.owner != 0) {
    return file.path + " belongs to uid " + std::to_string(file.owner) + ", not to root";
  }
  return (file.mode & kOthersMayWrite) != 0 ? file.path + " is writable by others than root" : "";
}

std::string bundle_trouble(const Trust& trust, std::int64_t now) {
  if (const auto exposed = bundle_exposure(trust.bundle); !exposed.empty()) {
    return exposed;
  }
  if (!trust.bundle_problem.empty()) {
    return trust.bundle.path + ": " + trust.bundle_problem;
  }
  if (now > trust.not_after) {
    return trust.bundle.path + ": our certificate in it has expired";
  }
  if (trust.is_bundle_ours == false) {
    return trust.bundle.path + " has another certificate than the service signs with";
  }
  return {};
}

Finding trust_bundle(Facts& facts) {
  const auto& trust = facts.trust();
  if (!trust.bundle.is_there) {
    const auto* capture = facts.status_part("capture");
    if (capture == nullptr) {
      return no_status();
    }
    return text_of(*capture, "mode") == "off"
               ? not_applicable("capture.mode is off")
               : wrong(trust.bundle.path + " is not there, so that programs cannot trust us",
                       kRestart);
  }
  if (const auto trouble = bundle_trouble(trust, facts.machine().now); !trouble.empty()) {
    return wrong(trouble, kRestart);
  }
  if (trust.others == 0) {
    return wrong(trust.bundle.path + " has our certificate and none of the system's",
                 "see trust.system; then: systemctl restart antigravity-proxy");
  }
  return ok("our certificate and " + grouped(trust.others) + " of the system's");
}

Finding trust_key(Facts& facts) {
  const auto& trust = facts.trust();
  if (!trust.key) {
    return unknown("only root can look at it", kRunAsRoot);
  }
  const auto& key = *trust.key;
  if (!key.is_there) {
    return facts.status_part("capture") == nullptr
               ? no_status()
               : wrong(key.path + " is not there", "systemctl restart antigravity-proxy makes one");
  }
  if (key.owner != trust.key_owner) {
    return wrong(key.path + " belongs to uid " + std::to_string(key.owner) +
                     ", so that the service cannot read it",
                 "chown antigravity-proxy: " + key.path +
                     "; then: systemctl restart "
                     "antigravity-proxy");
  }
  return (key.mode & kOthersMayRead) == 0
             ? ok("readable by the service alone")
             : wrong(key.path + " is open to others than the service",
                     "systemctl restart antigravity-proxy makes a new key and certificate");
}

Finding trust_system(Facts& facts) {
  const auto count = facts.trust().in_system_store;
  return count != 0
             ? ok(grouped(count) + " certificates")
             : wrong("the system's store /etc/ssl/certs/ca-certificates.crt has no certificate",
                     "install the package ca-certificates, then: update-ca-certificates; "
                     "systemctl restart antigravity-proxy");
}

constexpr std::array kChecks{
    Check{"trust.system", "trust", "the system has certificates of authorities", trust_system},
    Check{"trust.bundle", "trust", "the bundle has our certificate, and root alone changes it",
          trust_bundle},
    Check{"trust.key", "trust", "our key is the service's alone", trust_key},
    Check{"trust.certificate", "trust", "our certificate is valid", trust_certificate},
    Check{"trust.clients", "trust", "programs accept our certificate", trust_clients},
    Check{"trust.upstream", "trust", "the certificates of servers verify", trust_upstream},
};

}  // namespace

std::span<const Check> trust_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
