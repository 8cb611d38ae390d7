#include "cli/login_command.h"

#include "cli/options.h"
#include "cli/render.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <variant>

namespace agp::cli {
namespace {

constexpr const char* kQuotaHelp = R"(Usage: antigravity-proxy quota [--json]

Shows what is left of the quota of the login that the language server uses, for each model
and, where the language server names them, for each pool and window. A share that is not
known is shown as "unknown", never as 100 %.

Options:
  --json     one JSON document (the same as GET /v1/quota)

Exits with 1 when there is nothing to show, or nothing but what was read earlier, and with
77 when the login is that of another user.
)";

constexpr const char* kModelsHelp = R"(Usage: antigravity-proxy models [--json]

Shows the models that the language server offers, by the name that requests give.

Options:
  --json     one JSON document (the same as GET /v1/models)

Exits with 1 when the language server cannot be asked; what is shown then was read earlier,
or is a list of known names.
)";

constexpr const char* kSessionsHelp = R"(Usage: antigravity-proxy sessions [--json]

Shows the language servers of your IDEs that are running, which of them is used, and why
the others are not. Root and the group antigravity-proxy see those of all users.

Options:
  --json     one JSON document (the same as GET /v1/sessions)
)";

struct Verb {
  const char* name;
  const char* help;
  Answer<std::string> (Daemon::*ask)();
  Answer<StatusText> (*render)(std::string_view document, const Style& style);
};

constexpr Verb kVerbs[] = {
    {"quota", kQuotaHelp, &Daemon::quota, &render_quota},
    {"models", kModelsHelp, &Daemon::models, &render_models},
    {"sessions", kSessionsHelp, &Daemon::sessions, &render_sessions},
};

const Verb* find(const std::string& name) {
  const auto found = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                  [&](const Verb& verb) { return name == verb.name; });
  return found == std::end(kVerbs) ? nullptr : found;
}

}  // namespace

bool is_login_verb(const std::string& verb) {
  return find(verb) != nullptr;
}

Output run_login(const std::vector<std::string>& words, Daemon& daemon, bool color) {
  const auto word = std::find_if(words.begin(), words.end(), is_login_verb);
  const Verb& verb = *find(*word);
  const auto options = parse_options(words, {});
  if (options.help) {
    Output output;
    output.out = verb.help;
    return output;
  }
  if (options.fault) {
    return wrong_line(*options.fault, verb.name, options.json);
  }
  if (options.plain.size() > 1) {
    return wrong_line("unexpected argument " + options.plain[1], verb.name, options.json);
  }
  const auto answer = (daemon.*verb.ask)();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, options.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = verb.render(document, Style{color});
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, options.json);
  }
  const auto& text = std::get<StatusText>(rendered);
  Output output;
  output.exit = text.is_degraded ? Exit::failed : Exit::ok;
  output.out = options.json ? document : text.text;
  return output;
}

}  // namespace agp::cli
