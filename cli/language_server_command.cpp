#include "cli/language_server_command.h"

#include "cli/render.h"
#include "cli/shown.h"

#include <string>
#include <string_view>

namespace agp::cli {
namespace {

Answer<std::string> ask(std::string_view verb, Daemon& daemon) {
  if (verb == "start") {
    return daemon.start_language_server();
  }
  if (verb == "stop") {
    return daemon.stop_language_server();
  }
  return verb == "restart" ? daemon.restart_language_server() : daemon.language_server();
}

Exit exit_for(std::string_view verb, const LanguageServerText& text) {
  if (verb == "stop" && text.is_stopped) {
    return Exit::ok;
  }
  if (text.is_usable) {
    return verb == "stop" ? Exit::failed : Exit::ok;
  }
  return text.is_failing ? Exit::failed : Exit::not_active;
}

}  // namespace

Output run_language_server(const Line& line, Daemon& daemon, const Style& style) {
  const auto verb = second_word(*line.verb);
  return shown(
      ask(verb, daemon), line.json,
      [&](const std::string& document) { return render_language_server(document, style); },
      [&](const LanguageServerText& text) { return exit_for(verb, text); });
}

}  // namespace agp::cli
