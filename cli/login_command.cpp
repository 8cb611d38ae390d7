#include "cli/login_command.h"

#include "cli/render.h"
#include "cli/shown.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

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
  return shown((daemon.*question.ask)(), line.json,
               [&](const std::string& document) { return question.render(document, style); },
               [](const StatusText& text) { return text.is_degraded ? Exit::failed : Exit::ok; });
}

}  // namespace agp::cli
