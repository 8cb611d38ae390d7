#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"
#include "cli/language_server_file.h"

#include <array>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace agp::cli::doctor {
namespace {

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
  const auto& configuration = facts.configuration();
  if (configuration.helper_fault) {
    return unknown("helper.yaml cannot be read", "see config.helper");
  }
  for (const auto& path : configuration.binaries) {
    auto file = inspect_language_server(path, known_flags());
    if (file.is_readable) {
      return Binary{path, std::move(file)};
    }
  }
  return unknown("no language server is installed in a known place", kNoBinary);
}

// What the helper said of a binary that is there.
Finding ls_binary(Facts& facts) {
  const auto found = installed_binary(facts);
  if (const auto* finding = std::get_if<Finding>(&found)) {
    return *finding;
  }
  const auto* helper = std::get_if<Helper>(&facts.helper());
  if (helper == nullptr) {
    return unanswered(std::get<Failure>(facts.helper()));
  }
  const auto& path = std::get<Binary>(found).path;
  std::string refused;
  for (const auto& binary : helper->binaries) {
    if (binary.is_usable) {
      return ok(binary.path + " may be started");
    }
    if (binary.path == path) {
      refused = binary.path + ": " + binary.reason;
    }
  }
  return wrong(refused.empty() ? path + " is not one that the helper starts" : refused,
               "it and its directories must belong to root, be writable by nobody else (chown "
               "root:root, chmod go-w), and it must be executable; or install the IDE again");
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

// As control::to_string(Phase) calls what lasts seconds.
bool is_on_its_way(const std::string& state) {
  return state == "clearing" || state == "scanning" || state == "starting" || state == "probing" ||
         state == "stopping-ls";
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
  if (const auto* problem = facts.problem("language-server-stopped")) {
    return unknown(text_of(*problem, "message"), text_of(*problem, "remedy"));
  }
  for (const char* code : {"language-server-user", "language-server-binary", "language-server"}) {
    if (const auto* problem = facts.problem(code)) {
      return wrong(state + ": " + text_of(*problem, "message"), text_of(*problem, "remedy"));
    }
  }
  if (is_on_its_way(state)) {
    return unknown(state, "it is being started: run doctor again in half a minute");
  }
  return wrong(state, "see service.problems, and: journalctl -u 'antigravity-ls-*'");
}

constexpr std::array kChecks{
    Check{"ls.binary", "language server", "the installed language server may be started",
          ls_binary},
    Check{"ls.go", "language server", "the installed language server is a Go program", ls_go},
    Check{"ls.flags", "language server", "it knows the flags that it is started with", ls_flags},
    Check{"ls.running", "language server", "our own language server runs", ls_running},
};

}  // namespace

std::span<const Check> language_server_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
