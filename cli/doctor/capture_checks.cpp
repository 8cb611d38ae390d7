#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"
#include "daemon/api/rfc3339.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agp::cli::doctor {
namespace {

using Stage = Reach::Stage;

constexpr std::int64_t kRecently = 24 * 3600;  // seconds

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
    return wrong("the root helper does not answer the service",
                 "see units.helper, and: journalctl -u antigravity-proxy-helper");
  }
  // It may have stopped answering since the service asked it last.
  if (const auto* failure = std::get_if<Failure>(&facts.helper());
      failure != nullptr && reachable == "yes" && failure->exit != Exit::refused) {
    return wrong(failure->message, failure->hint);
  }
  return reachable == "yes" ? ok("reachable") : not_applicable("the service runs without it");
}

// Whether there is nothing to look at; nullopt: there is.
std::optional<Finding> not_captured(Facts& facts) {
  const auto* capture = facts.status_part("capture");
  if (capture != nullptr && text_of(*capture, "mode") == "off") {
    return not_applicable("capture.mode is off");
  }
  if (capture != nullptr && yes_or_no(*capture, "switched_off") == "yes") {
    return not_applicable("capture was switched off on request");
  }
  return std::nullopt;
}

bool is_in_place(const std::string& state) {
  return state == "active" || state == "not_present";
}

Finding redirect_by_helper(const Helper& helper) {
  const auto seen = "IPv4 " + helper.redirect_ipv4 + ", IPv6 " + helper.redirect_ipv6 + ", by " +
                    helper.firewall_backend + " (" + helper.firewall_reason + ")";
  if (is_in_place(helper.redirect_ipv4) && is_in_place(helper.redirect_ipv6)) {
    return ok(seen);
  }
  std::string problems;
  for (const auto& problem : helper.problems) {
    add_to(problems, problem);
  }
  return wrong(seen + (problems.empty() ? "" : ": " + problems),
               "systemctl restart antigravity-proxy puts the rules back; if they do not stay, see: "
               "journalctl -u antigravity-proxy-helper");
}

Finding capture_redirect(Facts& facts) {
  const auto* redirect = facts.status_part("redirect");
  if (redirect == nullptr) {
    return no_status();
  }
  if (auto nothing = not_captured(facts)) {
    return std::move(*nothing);
  }
  if (const auto* helper = std::get_if<Helper>(&facts.helper())) {
    return redirect_by_helper(*helper);
  }
  const auto ipv4 = yes_or_no(*redirect, "ipv4");
  const auto ipv6 = yes_or_no(*redirect, "ipv6");
  const auto seen = "IPv4 " + ipv4 + ", IPv6 " + ipv6;
  return ipv4 == "yes" && ipv6 == "yes"
             ? ok(seen)
             : wrong(seen, "systemctl restart antigravity-proxy puts the rules back");
}

Finding capture_repairs(Facts& facts) {
  const auto& answer = facts.helper();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return unanswered(*failure);
  }
  const auto& helper = std::get<Helper>(answer);
  if (helper.repairs == 0) {
    return ok("nobody removed our rules since the helper started");
  }
  std::string lost;
  for (const auto& table : helper.last_lost) {
    add_to(lost, table);
  }
  const auto when = api::to_rfc3339(usage::Micros(std::chrono::seconds(helper.last_repair)));
  const auto seen = "other programs removed our rules " + grouped(helper.repairs) +
                    " times, the last time at " + when + " (" + lost + "); they were put back";
  return facts.machine().now - helper.last_repair > kRecently
             ? ok(seen)
             : wrong(seen,
                     "find that program (firewalld, ufw, nftables.service, a script): journalctl "
                     "--since around that time; firewall.backend auto or nftables in helper.yaml "
                     "gives the rules an owner, so that no flush takes them");
}

Finding capture_egress(Facts& facts) {
  const auto* helper = std::get_if<Helper>(&facts.helper());
  if (helper == nullptr) {
    return unanswered(std::get<Failure>(facts.helper()));
  }
  if (helper->egress.empty()) {
    return unknown("helper.yaml cannot be read", "see config.helper");
  }
  return ok(helper->egress + (helper->egress == "strict" ? ", guard " + helper->egress_guard : ""));
}

// What has to be so before a connection of the account can tell anything; nullopt: it is.
std::optional<Finding> cannot_try(Facts& facts) {
  if (std::holds_alternative<Failure>(facts.status())) {
    return no_status();
  }
  if (auto nothing = not_captured(facts)) {
    return nothing;
  }
  if (!facts.is_root()) {
    return unknown("only root can try it as the language server's account", kRunAsRoot);
  }
  const auto& trust = facts.trust();
  if (!trust.bundle.is_there || !trust.bundle_problem.empty()) {
    return unknown("nothing can be verified without the bundle", "see trust.bundle");
  }
  if (!facts.upstream().problem.empty()) {
    return unknown("there is no address to connect to", "see network.name");
  }
  if (!facts.captured().problem.empty()) {
    return wrong("as antigravity-ls: " + facts.captured().problem,
                 "the name resolves for root: rules of other programs that keep accounts from the "
                 "resolver are in the way (nft list ruleset, iptables-save)");
  }
  return std::nullopt;
}

const Reach* reach_of(const Reaches& reaches, std::string_view family) {
  for (const auto& reach : reaches.list) {
    if (reach.family == family) {
      return &reach;
    }
  }
  return nullptr;
}

bool is_way_blocked(Facts& facts, std::string_view family) {
  const auto* direct =
      reach_of(facts.upstream(),
               facts.configuration().proxy_host ? facts.upstream().list.front().family : family);
  return direct != nullptr && direct->stage != Stage::done && direct->stage != Stage::route;
}

Finding judge_reach(Facts& facts, const Reach& reach) {
  const auto what = "a connection of antigravity-ls to " + reach.address;
  switch (reach.stage) {
    case Stage::route:
      return not_applicable("this machine has no route for " + reach.family);
    case Stage::connect:
      return wrong(what + " does not arrive at port 8742: " + reach.problem,
                   "a rule of another program drops or refuses it: look for chains of output and "
                   "input that do not accept the loopback interface (nft list ruleset, "
                   "iptables-save)");
    case Stage::handshake:
      return is_way_blocked(facts, reach.family)
                 ? unknown(what + " arrives, but the service has no way on", "see network.upstream")
                 : wrong(what + " ends in the handshake: " + reach.problem,
                         "see trust.upstream, and: journalctl -u antigravity-proxy");
    case Stage::verify:
      return wrong(what + " gets a certificate that the bundle does not verify: " + reach.problem,
                   reach.is_ours
                       ? "systemctl restart antigravity-proxy makes bundle and "
                         "certificates anew; see machine.clock"
                       : "see capture.redirect; it was shown a certificate of " + reach.issuer);
    case Stage::done:
      break;
  }
  return reach.is_ours
             ? ok(what + " is redirected, and our certificate is trusted")
             : wrong(what + " is not measured: it was shown the certificate of " + reach.issuer,
                     "see capture.redirect and: antigravity-proxy policy check " +
                         facts.configuration().inspected_host);
}

Finding try_family(Facts& facts, std::string_view family) {
  if (auto obstacle = cannot_try(facts)) {
    return std::move(*obstacle);
  }
  const auto* reach = reach_of(facts.captured(), family);
  return reach == nullptr
             ? not_applicable("the model host has no address of " + std::string(family))
             : judge_reach(facts, *reach);
}

Finding capture_ipv4(Facts& facts) {
  return try_family(facts, "IPv4");
}
Finding capture_ipv6(Facts& facts) {
  return try_family(facts, "IPv6");
}

Finding capture_quic(Facts& facts) {
  if (auto obstacle = cannot_try(facts)) {
    return std::move(*obstacle);
  }
  std::string seen;
  bool is_well = true;
  for (const auto& reach : facts.captured().list) {
    if (reach.is_quic_refused) {
      is_well = is_well && *reach.is_quic_refused;
      add_to(seen, reach.family + " " + reach.quic);
    }
  }
  if (seen.empty()) {
    return not_applicable("there is no route to try it on");
  }
  return is_well
             ? ok(seen)
             : wrong(seen,
                     "calls could leave unmetered over QUIC: systemctl restart "
                     "antigravity-proxy; a rule of another program may accept them before ours");
}

constexpr std::array kChecks{
    Check{"capture.active", "capture", "the language server's account is captured", capture_active},
    Check{"capture.helper", "capture", "the root helper answers", capture_helper},
    Check{"capture.redirect", "capture", "the rules of both address families are in place",
          capture_redirect},
    Check{"capture.repairs", "capture", "no other program removes the rules", capture_repairs},
    Check{"capture.egress", "capture", "what the account may send besides", capture_egress},
    Check{"capture.ipv4", "capture", "a connection over IPv4 is measured", capture_ipv4},
    Check{"capture.ipv6", "capture", "a connection over IPv6 is measured", capture_ipv6},
    Check{"capture.quic", "capture", "QUIC is refused at once", capture_quic},
};

}  // namespace

std::span<const Check> capture_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
