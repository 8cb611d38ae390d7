#include "cli/doctor.h"
#include "cli/document.h"
#include "cli/ide_patch_command.h"
#include "cli/language_server_file.h"

#include <array>
#include <cstdint>
#include <set>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;
using State = Finding::State;

constexpr const char* kUseTheIde = "use the IDE for a minute, then run doctor again";
constexpr const char* kReport =
    "this version does not understand the traffic of your IDE; report it with the IDE's version";

Finding ok(std::string seen) {
  return {State::ok, std::move(seen), {}};
}
Finding wrong(std::string seen, std::string remedy) {
  return {State::failed, std::move(seen), std::move(remedy)};
}
Finding unknown(std::string seen, std::string remedy) {
  return {State::unknown, std::move(seen), std::move(remedy)};
}
Finding not_applicable(std::string seen) {
  return {State::not_applicable, std::move(seen), {}};
}
// service.reachable says why.
Finding no_status() {
  return unknown("the service did not say", "see service.reachable");
}
Finding unanswered(const Failure& failure) {
  return unknown(failure.message, failure.hint);
}

std::string joined(const json::array& values) {
  std::string out;
  for (const auto& value : values) {
    out += (out.empty() ? "" : "; ") + key_text(value);
  }
  return out;
}

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* value = find(object, key);
  const auto* list = value == nullptr ? nullptr : value->if_array();
  return list == nullptr ? kEmpty : *list;
}

// The service

Finding service_reachable(Facts& facts) {
  const auto& status = facts.status();
  if (const auto* failure = std::get_if<Failure>(&status)) {
    return wrong(failure->message, failure->hint);
  }
  return ok("version " + text_of(std::get<json::object>(status), "version"));
}

Finding service_problems(Facts& facts) {
  const auto* status = std::get_if<json::object>(&facts.status());
  if (status == nullptr) {
    return no_status();
  }
  std::string seen;
  std::string remedy;
  for (const auto& each : array_in(*status, "problems")) {
    if (const auto* problem = each.if_object()) {
      seen += (seen.empty() ? "" : "; ") + text_of(*problem, "message");
      remedy += (remedy.empty() ? "" : "; ") + text_of(*problem, "remedy");
    }
  }
  const auto state = text_of(*status, "state");
  if (state == "degraded") {
    return wrong(seen, remedy);
  }
  // What it only waits for is no fault.
  return {State::ok, seen.empty() ? "state " + state : state + ": " + seen, remedy};
}

// Capture

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

// Trust

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

// Ledger and policy

Finding ledger_healthy(Facts& facts) {
  const auto* ledger = facts.status_part("ledger");
  if (ledger == nullptr) {
    return no_status();
  }
  const auto lost = number_of(*ledger, "lost").value_or(0);
  const auto seen = text_of(*ledger, "health") + ", " + number_text(*ledger, "records") +
                    " records, " + grouped(lost) + " lost";
  return text_of(*ledger, "health") == "ok" && lost == 0
             ? ok(seen)
             : wrong(seen, "see service.problems for the remedy");
}

Finding policy_loaded(Facts& facts) {
  const auto* policy = facts.status_part("policy");
  if (policy == nullptr) {
    return no_status();
  }
  const auto& faults = array_in(*policy, "faults");
  return faults.empty()
             ? ok("generation " + number_text(*policy, "generation"))
             : wrong(joined(faults), "correct it, then: antigravity-proxy policy reload");
}

// The language server

constexpr const char* kNoBinary =
    "install the Antigravity IDE, or name its language server in helper.yaml: "
    "language_server.binaries";

struct Binary {
  std::string path;
  LanguageServerFile file;
};

const std::vector<std::string>& known_flags() {
  static const std::vector<std::string> kFlags = {
      "csrf_token",          "extension_server_port", "extension_server_csrf_token",
      "cloud_code_endpoint", "server_port",           "https_server_port",
      "app_data_dir",        "workspace_id"};
  return kFlags;
}

// The first that is there; what is wrong otherwise.
std::variant<Binary, Finding> installed_binary(Facts& facts) {
  const auto& paths = facts.binaries();
  if (const auto* failure = std::get_if<Failure>(&paths)) {
    return unanswered(*failure);
  }
  for (const auto& path : std::get<std::vector<std::string>>(paths)) {
    auto file = inspect_language_server(path, known_flags());
    if (file.is_readable) {
      return Binary{path, std::move(file)};
    }
  }
  return unknown("no language server is installed in a known place", kNoBinary);
}

Finding ls_go(Facts& facts) {
  const auto found = installed_binary(facts);
  if (const auto* finding = std::get_if<Finding>(&found)) {
    return *finding;
  }
  const auto& binary = std::get<Binary>(found);
  return binary.file.is_go
             ? ok(binary.path + " is a Go program")
             : wrong(binary.path + " is no Go program",
                     "if it is a wrapper, name the real program in helper.yaml: "
                     "language_server.binaries; else SSL_CERT_FILE may not be honoured");
}

Finding ls_flags(Facts& facts) {
  const auto found = installed_binary(facts);
  if (const auto* finding = std::get_if<Finding>(&found)) {
    return *finding;
  }
  const auto& binary = std::get<Binary>(found);
  const std::set<std::string> flags(binary.file.flags.begin(), binary.file.flags.end());
  std::string missing;
  for (const char* needed : {"csrf_token", "extension_server_port", "cloud_code_endpoint"}) {
    if (flags.count(needed) == 0) {
      missing += (missing.empty() ? "" : ", ") + std::string("--") + needed;
    }
  }
  if (!missing.empty()) {
    return wrong(binary.path + " does not know " + missing, kReport);
  }
  const char* port =
      flags.count("https_server_port") == 0 ? "--server_port" : "--https_server_port";
  const char* tokens = flags.count("extension_server_csrf_token") == 0 ? "one token" : "two tokens";
  return ok(std::string("knows the flags that are used; ") + port + ", " + tokens);
}

Finding ls_running(Facts& facts) {
  const auto* server = facts.status_part("language_server");
  if (server == nullptr) {
    return no_status();
  }
  if (text_of(*server, "mode") == "off") {
    return not_applicable("language_server.mode is off");
  }
  const auto state = text_of(*server, "state");
  if (state == "running") {
    return ok("our own language server runs with the session of " + text_of(*server, "user"));
  }
  if (const auto waits = text_of(*server, "waits_for"); waits != kUnknown) {
    return unknown(state + ", waiting for " + waits, "start the IDE and sign in to it");
  }
  return wrong(state, "see service.problems, and: journalctl -u 'antigravity-ls-*'");
}

// What the language server's calls look like on the wire

// The calls a check can judge; nothing to judge is a finding of its own.
std::variant<const json::array*, Finding> some_calls(Facts& facts) {
  const auto& calls = facts.calls();
  if (const auto* failure = std::get_if<Failure>(&calls)) {
    return unanswered(*failure);
  }
  const auto& list = std::get<json::array>(calls);
  if (list.empty()) {
    return unknown("none of the newest 200 records is a call of a language server", kUseTheIde);
  }
  return &list;
}

// How many calls a rule holds for, of those that it is about.
struct Count {
  std::uint64_t asked = 0;
  std::uint64_t held = 0;
  [[nodiscard]] std::string text() const { return grouped(held) + " of " + grouped(asked); }
};

enum class Verdict { holds, does_not, not_asked };

Finding judge_calls(Facts& facts,
                    Verdict (*rule)(const json::object& call),
                    const char* what,
                    bool is_any_enough) {
  const auto calls = some_calls(facts);
  if (const auto* finding = std::get_if<Finding>(&calls)) {
    return *finding;
  }
  Count count;
  for (const auto& each : *std::get<const json::array*>(calls)) {
    const auto* call = each.if_object();
    const auto verdict = call == nullptr ? Verdict::not_asked : rule(*call);
    count.asked += verdict == Verdict::not_asked ? 0U : 1U;
    count.held += verdict == Verdict::holds ? 1U : 0U;
  }
  if (count.asked == 0) {
    return unknown(std::string("no call to judge it by: ") + what, kUseTheIde);
  }
  const bool holds = is_any_enough ? count.held > 0 : count.held == count.asked;
  const auto seen = count.text() + " calls: " + what;
  return holds ? ok(seen) : wrong(seen, kReport);
}

bool has_flag(const json::object& call, std::string_view flag) {
  for (const auto& each : array_in(call, "flags")) {
    if (key_text(each) == flag) {
      return true;
    }
  }
  return false;
}

Verdict usage_was_seen(const json::object& call) {
  if (text_of(call, "outcome") != "ok") {
    return Verdict::not_asked;
  }
  return text_of(call, "usage_state") == "final" ? Verdict::holds : Verdict::does_not;
}

Verdict total_agrees(const json::object& call) {
  if (text_of(call, "usage_state") != "final") {
    return Verdict::not_asked;
  }
  return has_flag(call, "total_mismatch") || has_flag(call, "partition_mismatch")
             ? Verdict::does_not
             : Verdict::holds;
}

Verdict cascade_is_exact(const json::object& call) {
  if (text_of(call, "request_kind") != "agent") {
    return Verdict::not_asked;
  }
  return text_of(call, "cascade_source") == "exact" ? Verdict::holds : Verdict::does_not;
}

Verdict cascade_was_confirmed(const json::object& call) {
  if (cascade_is_exact(call) != Verdict::holds) {
    return Verdict::not_asked;
  }
  return yes_or_no(call, "cascade_confirmed") == "yes" ? Verdict::holds : Verdict::does_not;
}

Verdict was_http2(const json::object& call) {
  return text_of(call, "protocol") == "h2" ? Verdict::holds : Verdict::does_not;
}

Verdict was_decoded(const json::object& call) {
  for (const char* flag : {"decode_error", "bad_json", "bad_event", "bad_number"}) {
    if (has_flag(call, flag)) {
      return Verdict::does_not;
    }
  }
  return Verdict::holds;
}

Finding calls_usage(Facts& facts) {
  return judge_calls(facts, usage_was_seen, "usage was in the answer", false);
}
Finding calls_totals(Facts& facts) {
  return judge_calls(facts, total_agrees, "the parts add up to the provider's total", false);
}
Finding calls_cascade(Facts& facts) {
  return judge_calls(facts, cascade_is_exact, "tied to a conversation by what they carry", false);
}
Finding calls_confirmed(Facts& facts) {
  return judge_calls(facts, cascade_was_confirmed, "the language server confirmed the conversation",
                     true);
}
Finding calls_http2(Facts& facts) {
  return judge_calls(facts, was_http2, "made over HTTP/2", true);
}
Finding calls_decoded(Facts& facts) {
  return judge_calls(facts, was_decoded, "decoded without a fault", false);
}

Finding calls_understood(Facts& facts) {
  const auto* seen = facts.status_part("interception");
  if (seen == nullptr) {
    return no_status();
  }
  const auto unparsed = number_of(*seen, "unparsed").value_or(0);
  const auto text = number_text(*seen, "intercepted") + " connections measured since the start, " +
                    grouped(unparsed) + " not understood";
  if (number_of(*seen, "intercepted").value_or(0) == 0) {
    return unknown(text, kUseTheIde);
  }
  return unparsed == 0 ? ok(text) : wrong(text, kReport);
}

// The IDE

Finding ide_extension(Facts& facts) {
  const auto& answer = facts.extensions();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return unanswered(*failure);
  }
  std::string seen;
  bool is_troubled = false;
  for (const auto& each : std::get<json::array>(answer)) {
    const auto* file = each.if_object();
    if (file == nullptr || text_of(*file, "state") == "absent") {
      continue;
    }
    is_troubled = is_troubled || is_troubled_extension(text_of(*file, "state"));
    seen += (seen.empty() ? "" : "; ") + text_of(*file, "path") + ": " + text_of(*file, "state") +
            " (" + text_of(*file, "detail") + ")";
  }
  if (seen.empty()) {
    return not_applicable("no extension.js of the IDE in the known places");
  }
  return is_troubled ? wrong(seen, "see: antigravity-proxy ide-patch --help") : ok(seen);
}

constexpr std::array kChecks{
    Check{"service.reachable", "service", "the service answers on the bus", service_reachable},
    Check{"service.problems", "service", "the service reports no problem", service_problems},
    Check{"capture.active", "capture", "the language server's account is captured", capture_active},
    Check{"capture.helper", "capture", "the root helper answers", capture_helper},
    Check{"capture.redirect", "capture", "the rules of both address families are in place",
          capture_redirect},
    Check{"trust.certificate", "trust", "our certificate is valid", trust_certificate},
    Check{"trust.clients", "trust", "programs accept our certificate", trust_clients},
    Check{"trust.upstream", "trust", "the certificates of servers verify", trust_upstream},
    Check{"ledger.healthy", "ledger", "records reach the disk, and none was lost", ledger_healthy},
    Check{"policy.loaded", "policy", "the policy in the files is in effect", policy_loaded},
    Check{"ls.go", "language server", "the installed language server is a Go program", ls_go},
    Check{"ls.flags", "language server", "it knows the flags that it is started with", ls_flags},
    Check{"ls.running", "language server", "our own language server runs", ls_running},
    Check{"calls.understood", "calls", "what is measured is understood", calls_understood},
    Check{"calls.http2", "calls", "the language server speaks HTTP/2", calls_http2},
    Check{"calls.decoded", "calls", "answers are JSON or SSE in a known coding", calls_decoded},
    Check{"calls.usage", "calls", "answers carry usage", calls_usage},
    Check{"calls.totals", "calls", "the parts of usage add up", calls_totals},
    Check{"calls.cascade", "calls", "agent calls name their conversation", calls_cascade},
    Check{"calls.confirmed", "calls", "response ids confirm the conversation", calls_confirmed},
    Check{"ide.extension", "ide", "extension.js is of a known kind", ide_extension},
};

}  // namespace

std::span<const Check> doctor_checks() {
  return kChecks;
}

}  // namespace agp::cli
