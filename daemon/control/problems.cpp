#include "daemon/control/problems.h"

#include "daemon/control/errors.h"

#include <algorithm>

#include <string.h>

namespace agp::control {
namespace {

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

ReportProblem helper_problem(const Error& error, const std::string& what) {
  std::string remedy =
      "see journalctl -u antigravity-proxy-helper.service; it is tried again by itself";
  if (error.code == Errc::helper_unreachable) {
    remedy =
        "check that dbus runs and that the package antigravity-proxy is installed completely "
        "(systemctl status antigravity-proxy-helper.service); it is tried again by itself";
  } else if (error.code == Errc::helper_denied) {
    remedy =
        "polkit must run and allow org.antigravityproxy.* to the user antigravity-proxy; check "
        "local rules in /etc/polkit-1/rules.d";
  }
  return {kHelperProblem, "cannot " + what + ": " + error.text(), remedy, Severity::failing};
}

ReportProblem scan_problem(const Error& error, const std::string& user) {
  if (error.code == Errc::user_unknown) {
    return {kUserProblem, "the user \"" + user + "\" of language_server.user does not exist",
            "correct language_server.user in proxy.yaml, or set it to auto", Severity::failing};
  }
  return {kScanProblem, "the IDE cannot be looked for: " + error.text(),
          "see journalctl -u antigravity-proxy-finder.service, and check ProtectProc= in drop-ins "
          "of that unit; it is tried again by itself",
          Severity::failing};
}

ReportProblem several_users(const std::vector<std::string>& names) {
  return {kUserProblem,
          "several users run the Antigravity IDE (" + join(names) +
              "): which user's session shall be used?",
          "set language_server.user in proxy.yaml to one of them", Severity::failing};
}

ReportProblem no_ide(const std::string& user, const std::string& hint) {
  return {kIdeProblem,
          "waiting for the Antigravity IDE to run" + (user == "auto" ? "" : " as user " + user) +
              (hint.empty() ? "" : " (" + hint + ")"),
          "start the Antigravity IDE and sign in", Severity::waiting};
}

ReportProblem no_binary(const std::vector<std::string>& refused) {
  std::string message = "there is no Antigravity language server that may be started";
  for (const auto& each : refused) {
    message += (&each == &refused.front() ? " (" : "; ") + each;
  }
  message += refused.empty() ? "" : ")";
  return {kBinaryProblem, std::move(message),
          "install the Antigravity IDE for all users (package, or under /opt), or name the "
          "root-owned binary in language_server.binaries of helper.yaml",
          Severity::failing};
}

ReportProblem server_not_started(const Error& error) {
  return {kServerProblem, "the language server could not be started: " + error.text(),
          "see journalctl -u antigravity-proxy-helper.service -u 'antigravity-ls-*'",
          Severity::failing};
}

ReportProblem server_silent(const Error& error) {
  return {kServerProblem, "the language server was started but does not answer: " + error.text(),
          "see what it wrote last: antigravity-proxy ls status", Severity::failing};
}

ReportProblem server_fell_silent(const Error& error) {
  return {kServerProblem, "the language server stopped answering: " + error.text(),
          "it is being restarted; see what it wrote last: antigravity-proxy ls status",
          Severity::failing};
}

ReportProblem server_ended(const std::string& how) {
  return {kServerProblem, "the language server ended unexpectedly (" + how + ")",
          "it is restarted by itself; if this goes on, see: antigravity-proxy ls status",
          Severity::failing};
}

ReportProblem crash_loop(const std::string& how) {
  return {kServerProblem, "the language server is in a crash loop: it ends each time (" + how + ")",
          "see what it wrote last: antigravity-proxy ls status; it is tried again by itself, every "
          "30 seconds in the end",
          Severity::failing};
}

ReportProblem stopped_on_request() {
  return {kHeldProblem, "the language server was stopped on request, and stays stopped",
          "start it with: antigravity-proxy ls start", Severity::waiting};
}

ReportProblem released_on_request() {
  return {kReleasedProblem, "capture was switched off on request: nothing is measured",
          "switch it on with: antigravity-proxy capture on", Severity::waiting};
}

std::string end_text(const std::string& result, int status) {
  if (result == "signal" || result == "core-dump") {
    const char* name = ::sigabbrev_np(status);
    return "killed by signal " + std::to_string(status) +
           (name == nullptr ? "" : std::string(" SIG") + name);
  }
  if (result == "oom-kill") {
    return "killed because it took too much memory";
  }
  if (result == "exit-code" || result == "success") {
    return "exit status " + std::to_string(status);
  }
  return result + ", status " + std::to_string(status);
}

bool Problems::add(const ReportProblem& problem) {
  const auto known =
      std::find_if(standing_.begin(), standing_.end(),
                   [&](const ReportProblem& other) { return other.code == problem.code; });
  if (known == standing_.end()) {
    standing_.push_back(problem);
    return true;
  }
  if (*known == problem) {
    return false;
  }
  *known = problem;
  return true;
}

bool Problems::remove(const std::string& code) {
  return std::erase_if(standing_,
                       [&](const ReportProblem& problem) { return problem.code == code; }) > 0;
}

}  // namespace agp::control
