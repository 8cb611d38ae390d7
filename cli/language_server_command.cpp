#include "cli/language_server_command.h"

#include "cli/options.h"
#include "cli/render.h"

#include <variant>

namespace agp::cli {
namespace {

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy ls start|stop|restart|status [--json]

The language server that the service runs as the account antigravity-ls, with the login of
the IDE that its user is running.

start    starts it, if an IDE is running; ends the pause after a failure
stop     stops it, and keeps it stopped until "ls start" or a restart of the service; what
         else runs as antigravity-ls is measured as before
restart  stops it and starts it again
status   how it is, how it ended last and what it wrote then

Root, the group antigravity-proxy and the user whose session it uses may start and stop it;
others are asked for an administrator's password.

Exit codes: 0 it runs, or was stopped as asked; 1 it fails; 3 it does not run, because it was
stopped, or waits for an IDE; 64, 69 and 77 as for every verb.
)";

Answer<std::string> ask(const std::string& verb, Daemon& daemon) {
  if (verb == "start") {
    return daemon.start_language_server();
  }
  if (verb == "stop") {
    return daemon.stop_language_server();
  }
  return verb == "restart" ? daemon.restart_language_server() : daemon.language_server();
}

Exit exit_for(const std::string& verb, const LanguageServerText& text) {
  if (verb == "stop" && text.is_stopped) {
    return Exit::ok;
  }
  if (text.is_usable) {
    return verb == "stop" ? Exit::failed : Exit::ok;
  }
  return text.is_failing ? Exit::failed : Exit::not_active;
}

}  // namespace

Output run_language_server(const std::vector<std::string>& words, Daemon& daemon, bool color) {
  const auto arguments = parse_options(words, {});
  if (arguments.help) {
    Output output;
    output.out = kHelp;
    return output;
  }
  if (arguments.fault) {
    return wrong_line(*arguments.fault, "ls", arguments.json);
  }
  const std::string verb = arguments.plain.size() > 1 ? arguments.plain[1] : "";
  if (verb.empty()) {
    return wrong_line("ls needs one of start, stop, restart, status", "ls", arguments.json);
  }
  if (verb != "start" && verb != "stop" && verb != "restart" && verb != "status") {
    return wrong_line("unknown verb ls " + verb, "ls", arguments.json);
  }
  if (arguments.plain.size() > 2) {
    return wrong_line("unexpected argument " + arguments.plain[2], "ls", arguments.json);
  }
  const auto answer = ask(verb, daemon);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, arguments.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render_language_server(document, Style{color});
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, arguments.json);
  }
  const auto& text = std::get<LanguageServerText>(rendered);
  Output output;
  output.exit = exit_for(verb, text);
  output.out = arguments.json ? document : text.text;
  return output;
}

}  // namespace agp::cli
