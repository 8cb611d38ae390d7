#include "cli/policy_command.h"

#include "cli/offline.h"
#include "cli/render.h"
#include "cli/shown.h"

#include <string>
#include <variant>

namespace agp::cli {
namespace {

Output shown(const Answer<std::string>& answer,
             Answer<PolicyText> (*render)(std::string_view),
             const Line& line) {
  return shown(answer, line.json, render, [](const PolicyText& text) { return text.exit; });
}

bool is_offline(const Line& line) {
  return line.has("--offline") || line.value("--config");
}

bool is_absent(const Answer<std::string>& answer) {
  const auto* failure = std::get_if<Failure>(&answer);
  return failure != nullptr &&
         (failure->exit == Exit::not_active || failure->exit == Exit::unavailable);
}

/// Asks the service, or the files when they were asked for or there is no service.
template <class Ask, class Read>
Output ask(const Line& line,
           Answer<PolicyText> (*render)(std::string_view),
           Ask ask_daemon,
           Read read_files) {
  if (is_offline(line)) {
    return shown(read_files(), render, line);
  }
  const auto answer = ask_daemon();
  if (!is_absent(answer)) {
    return shown(answer, render, line);
  }
  auto output = shown(read_files(), render, line);
  if (!line.json) {
    output.err =
        "antigravity-proxy: the service does not answer; this is what the files say\n" + output.err;
  }
  return output;
}

}  // namespace

Output run_policy(const Line& line, Daemon& daemon, const Style& /*style*/) {
  const auto verb = second_word(*line.verb);
  const auto config = line.value("--config");
  if (verb == "show") {
    return ask(
        line, render_policy, [&] { return daemon.policy(); },
        [&] { return offline_policy(config); });
  }
  if (verb == "reload") {
    return shown(daemon.reload_policy(), render_policy_reload, line);
  }
  const auto& words = line.arguments;
  const std::string host = words[0] == "-" ? "" : words[0];
  const std::string method = words.size() > 1 ? words[1] : "";
  const std::string path = words.size() > 1 ? words[2] : "";
  return ask(
      line, render_policy_check, [&] { return daemon.check_policy(host, method, path); },
      [&] { return offline_check(config, host, method, path); });
}

Output run_config(const Line& line, Daemon& /*daemon*/, const Style& /*style*/) {
  return shown(offline_config_check(line.value("--config")), render_config_check, line);
}

}  // namespace agp::cli
