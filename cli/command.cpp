#include "cli/command.h"

#include "cli/cleanup_command.h"
#include "cli/cleanup_machine.h"
#include "cli/doctor_command.h"
#include "cli/ide_patch_command.h"
#include "cli/language_server_command.h"
#include "cli/login_command.h"
#include "cli/options.h"
#include "cli/policy_command.h"
#include "cli/render.h"
#include "cli/replay_command.h"
#include "cli/run_command.h"
#include "cli/run_host.h"
#include "cli/usage_command.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

namespace agp::cli {
namespace {

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy VERB [OPTIONS]

Measures what language models on this machine use, to the token.

Verbs:
  status     what the service does, and what it lacks
  usage      tokens used, per model or otherwise grouped
  records    single calls, newest first
  export     all records as CSV, JSON or NDJSON
  quota      what is left of your quota, per model and window
  models     the models that your language server offers
  sessions   the language servers of your IDEs, and which of them is used
  replay     FILE...: reads recorded exchanges and shows the records they make
  run        -- CMD: starts a program and measures its model calls
  ls         start, stop, restart, status: the language server of the service
  policy     show, check HOST [METHOD PATH], reload: what is opened, passed on or blocked
  config     check: every fault of the configuration files
  doctor     checks everything, layer by layer, with the remedy of what is wrong
  cleanup    removes every trace of the service, whatever is left of it
  ide-patch  status, apply, revert, forget: a setting in old builds of the IDE
  version    version of this command

Options of every verb:
  --json     one JSON document instead of text, errors included
  --help     help for the verb

Exit codes: 0 ok, 1 failed or degraded, 3 service not active, 64 wrong command line,
65 wrong value, 69 daemon not reachable, 77 not allowed.
)";

constexpr const char* kStatusHelp = R"(Usage: antigravity-proxy status [--json]

Shows whether usage is being measured, what the service waits for, and each problem
with its remedy. Exits with 0 when all is well or the service only waits for the IDE, 1 when
it is degraded, 3 when it is not running.
)";

constexpr const char* kVersionHelp = R"(Usage: antigravity-proxy version [--json]

Shows the version of this command.
)";

Output version(const Options& arguments) {
  Output output;
  output.out = arguments.json ? "{\"version\":\"" AGP_VERSION "\"}\n"
                              : "antigravity-proxy " AGP_VERSION "\n";
  return output;
}

Output status(const Options& arguments, Daemon& daemon, const Style& style) {
  const auto answer = daemon.status();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, arguments.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render_status(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, arguments.json);
  }
  const auto& text = std::get<StatusText>(rendered);
  Output output;
  output.exit = text.is_degraded ? Exit::failed : Exit::ok;
  const auto undone = undone_patches(daemon);
  output.out = arguments.json ? with_undone_patches(document, undone)
                              : text.text + undone_patches_text(undone, style);
  return output;
}

}  // namespace

Output run(const std::vector<std::string>& words, Daemon& daemon, bool color) {
  const auto first = std::find_if(words.begin(), words.end(),
                                  [](const std::string& word) { return !word.starts_with('-'); });
  const auto verb = first == words.end() ? std::string() : *first;
  if (verb == "policy" || verb == "config") {
    return run_policy(words, daemon, color);
  }
  if (is_usage_verb(verb)) {
    return run_usage(words, daemon, color);
  }
  if (verb == "doctor") {
    return run_doctor(words, daemon, color);
  }
  if (verb == "cleanup") {
    SystemMachine machine;
    return run_cleanup(words, machine);
  }
  if (verb == "ide-patch") {
    return run_ide_patch(words, daemon);
  }
  if (is_login_verb(verb)) {
    return run_login(words, daemon, color);
  }
  if (verb == "replay") {
    return run_replay(words);
  }
  if (verb == "run") {
    SystemRunHost host;
    return run_program(words, daemon, host);
  }
  if (verb == "ls") {
    return run_language_server(words, daemon, color);
  }
  const bool is_version = !words.empty() && words.front() == "--version";
  const auto arguments = parse_options(
      is_version ? std::vector<std::string>(words.begin() + 1, words.end()) : words, {});
  if (arguments.help) {
    Output output;
    output.out = verb == "status" ? kStatusHelp : verb == "version" ? kVersionHelp : kHelp;
    return output;
  }
  if (verb.empty() && !is_version) {
    Output output = wrong_line("no verb given", verb, arguments.json);
    if (!arguments.json) {
      output.err += "\n";
      output.err += kHelp;
    }
    return output;
  }
  if (verb != "status" && verb != "version" && !is_version) {
    return wrong_line("unknown verb " + verb, verb, arguments.json);
  }
  if (arguments.fault) {
    return wrong_line(*arguments.fault, verb, arguments.json);
  }
  if (arguments.plain.size() > 1) {
    return wrong_line("unexpected argument " + arguments.plain[1], verb, arguments.json);
  }
  return verb == "status" ? status(arguments, daemon, Style{color}) : version(arguments);
}

}  // namespace agp::cli
