#include "cli/language_server_command.h"

#include "cli/render.h"

#include <string_view>
#include <variant>

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
  const auto answer = ask(verb, daemon);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render_language_server(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, line.json);
  }
  const auto& text = std::get<LanguageServerText>(rendered);
  Output output;
  output.exit = exit_for(verb, text);
  output.out = line.json ? document : text.text;
  return output;
}

}  // namespace agp::cli
