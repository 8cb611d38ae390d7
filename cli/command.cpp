#include "cli/command.h"

#include "cli/ca_command.h"
#include "cli/capture_command.h"
#include "cli/cleanup_command.h"
#include "cli/cleanup_machine.h"
#include "cli/complete_command.h"
#include "cli/doctor_command.h"
#include "cli/guard_command.h"
#include "cli/help.h"
#include "cli/ide_patch_command.h"
#include "cli/language_server_command.h"
#include "cli/line.h"
#include "cli/login_command.h"
#include "cli/monitor_command.h"
#include "cli/monitor_host.h"
#include "cli/policy_command.h"
#include "cli/render.h"
#include "cli/replay_command.h"
#include "cli/report_command.h"
#include "cli/run_command.h"
#include "cli/run_host.h"
#include "cli/top_command.h"
#include "cli/usage_command.h"
#include "cli/why_command.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agp::cli {
namespace {

Output version(const Line& line, Daemon& /*daemon*/, const Style& /*style*/) {
  Output output;
  output.out =
      line.json ? "{\"version\":\"" AGP_VERSION "\"}\n" : "antigravity-proxy " AGP_VERSION "\n";
  return output;
}

Output status(const Line& line, Daemon& daemon, const Style& style) {
  const auto answer = daemon.status();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render_status(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, line.json);
  }
  const auto& text = std::get<StatusText>(rendered);
  Output output;
  output.exit = text.is_degraded ? Exit::failed : Exit::ok;
  const auto undone = undone_patches(daemon);
  output.out = line.json ? with_undone_patches(document, undone)
                         : text.text + undone_patches_text(undone, style);
  return output;
}

Output cleanup(const Line& line, Daemon& /*daemon*/, const Style& /*style*/) {
  SystemMachine machine;
  return run_cleanup(line, machine);
}

Output replay(const Line& line, Daemon& /*daemon*/, const Style& /*style*/) {
  return run_replay(line);
}

Output program(const Line& line, Daemon& daemon, const Style& /*style*/) {
  SystemRunHost host;
  return run_program(line, daemon, host);
}

Output monitor(const Line& line, Daemon& daemon, const Style& /*style*/) {
  SystemMonitorHost host;
  return run_monitor(line, daemon, host);
}

struct Runner {
  std::string_view word;  // the first of the verb
  Output (*run)(const Line& line, Daemon& daemon, const Style& style);
};

constexpr Runner kRunners[] = {
    {"status", status},
    {"usage", run_usage},
    {"records", run_records},
    {"export", run_export},
    {"quota", run_login},
    {"models", run_login},
    {"sessions", run_login},
    {"replay", replay},
    {"run", program},
    {"ls", run_language_server},
    {"policy", run_policy},
    {"config", run_config},
    {"doctor", run_doctor},
    {"cleanup", cleanup},
    {"ide-patch", run_ide_patch},
    {"complete", run_complete},
    {"version", version},
    {"top", run_top},
    {"capture", run_capture},
    {"guard", run_guard},
    {"why", run_why},
    {"ca", run_ca},
    {"report", run_report},
    {"monitor", monitor},
};

// Of what the line names, as far as it names something.
Output help(const Line& line) {
  Output output;
  const auto* group = find_group(line.named);
  output.out = line.verb != nullptr ? help_text(*line.verb)
               : group != nullptr   ? help_text(*group)
                                    : help_text();
  return output;
}

Output faulty(const Line& line) {
  const bool is_known = line.verb != nullptr || find_group(line.named) != nullptr;
  const auto first = line.named.substr(0, line.named.find(' '));
  const auto see = is_known ? line.named : find_group(first) != nullptr ? first : "";
  auto output = wrong_line(*line.fault, see, line.json, line.nearest);
  if (line.named.empty() && !line.json) {
    output.err += "\n" + help_text();
  }
  return output;
}

}  // namespace

Output run(const std::vector<std::string>& words, Daemon& daemon, const Style& style) {
  const auto line = parse_line(words);
  const bool is_known = line.verb != nullptr || find_group(line.named) != nullptr;
  if (line.help && (is_known || line.named.empty())) {
    return help(line);
  }
  if (line.fault) {
    return faulty(line);
  }
  const auto word = line.verb->name.substr(0, line.verb->name.find(' '));
  const auto* runner = std::find_if(std::begin(kRunners), std::end(kRunners),
                                    [&](const Runner& each) { return each.word == word; });
  assert(runner != std::end(kRunners));
  return runner->run(line, daemon, style);
}

std::vector<std::string_view> runnable_words() {
  std::vector<std::string_view> out;
  for (const auto& runner : kRunners) {
    out.push_back(runner.word);
  }
  return out;
}

}  // namespace agp::cli
