#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>

namespace agp::cli::doctor {
namespace {

Finding capture_active(Facts& facts) {
  const auto* capture = facts.status_part("capture");
  if (capture == nullptr) {
    return no_status();
  }
  if (text_of(*capture, "mode") == "off") {
    return not_applicable("capture.mode is off");
  }
  if (yes_or_no(*capture, "switched_off") == "yes") {
    return not_applicable("capture was switched off on request");
  }
  return yes_or_no(*capture, "active") == "yes"
             ? ok("active")
             : wrong("not active", "see service.problems, and: journalctl -u antigravity-proxy");
}

Finding capture_helper(Facts& facts) {
  const auto* helper = facts.status_part("helper");
  if (helper == nullptr) {
    return no_status();
  }
  const auto reachable = yes_or_no(*helper, "reachable");
  if (reachable == "no") {
    return wrong("the root helper does not answer", "see: journalctl -u antigravity-proxy-helper");
  }
  return reachable == "yes" ? ok("reachable") : not_applicable("the service runs without it");
}

Finding capture_redirect(Facts& facts) {
  const auto* redirect = facts.status_part("redirect");
  if (redirect == nullptr) {
    return no_status();
  }
  if (const auto* capture = facts.status_part("capture");
      capture != nullptr &&
      (text_of(*capture, "mode") == "off" || yes_or_no(*capture, "switched_off") == "yes")) {
    return not_applicable("capture is off");
  }
  const auto ipv4 = yes_or_no(*redirect, "ipv4");
  const auto ipv6 = yes_or_no(*redirect, "ipv6");
  const auto seen = "IPv4 " + ipv4 + ", IPv6 " + ipv6;
  return ipv4 == "yes" && ipv6 == "yes"
             ? ok(seen)
             : wrong(seen, "systemctl restart antigravity-proxy puts the rules back");
}

constexpr std::array kChecks{
    Check{"capture.active", "capture", "the language server's account is captured", capture_active},
    Check{"capture.helper", "capture", "the root helper answers", capture_helper},
    Check{"capture.redirect", "capture", "the rules of both address families are in place",
          capture_redirect},
};

}  // namespace

std::span<const Check> capture_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
