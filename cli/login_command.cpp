#include "cli/login_command.h"

#include "cli/render.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <variant>

namespace agp::cli {
namespace {

struct Question {
  std::string_view verb;
  Answer<std::string> (Daemon::*ask)();
  Answer<StatusText> (*render)(std::string_view document, const Style& style);
};

constexpr Question kQuestions[] = {
    {"quota", &Daemon::quota, &render_quota},
    {"models", &Daemon::models, &render_models},
    {"sessions", &Daemon::sessions, &render_sessions},
};

}  // namespace

Output run_login(const Line& line, Daemon& daemon, const Style& style) {
  const auto& question =
      *std::find_if(std::begin(kQuestions), std::end(kQuestions),
                    [&](const Question& each) { return each.verb == line.verb->name; });
  const auto answer = (daemon.*question.ask)();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = question.render(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, line.json);
  }
  const auto& text = std::get<StatusText>(rendered);
  Output output;
  output.exit = text.is_degraded ? Exit::failed : Exit::ok;
  output.out = line.json ? document : text.text;
  return output;
}

}  // namespace agp::cli
