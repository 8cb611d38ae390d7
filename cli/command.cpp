#include "cli/command.h"

#include "cli/policy_command.h"
#include "cli/render.h"

#include <algorithm>
#include <map>
#include <optional>

namespace agp::cli {
namespace {

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy VERB [OPTIONS]

Measures what language models on this machine use, to the token.

Verbs:
  status     what the service does, and what it lacks
  usage      tokens used, per model or otherwise grouped
  policy     show, check HOST [METHOD PATH], reload: what is opened, passed on or blocked
  config     check: every fault of the configuration files
  version    version of this command

Options of every verb:
  --json     one JSON document instead of text, errors included
  --help     help for the verb

Exit codes: 0 ok, 1 failed or degraded, 3 service not active, 64 wrong command line,
65 wrong value, 69 daemon not reachable, 77 not allowed.
)";

constexpr const char* kStatusHelp = R"(Usage: antigravity-proxy status [--json]

Shows whether usage is being measured, what the service waits for, and each problem
with its remedy. Exits with 1 when the service is degraded, 3 when it is not running.
)";

constexpr const char* kUsageHelp = R"(Usage: antigravity-proxy usage [OPTIONS]

Shows the tokens used, as measured on the wire. A number that was not seen is shown as
"unknown", never as 0.

Options:
  --since TIME      only calls from this time on
  --until TIME      only calls before this time
                    TIME: 2026-11-22, 2026-11-22T04:00:00Z, today, yesterday, -7d, -24h, -30m
  --group-by LIST   comma list of model, provider, host, day, hour, cascade, kind, uid
                    (default: model)
  --model NAME      only this model
  --cascade ID      only this conversation
  --json            one JSON document (the same as GET /v1/usage)

Examples:
  antigravity-proxy usage --since today
  antigravity-proxy usage --since -7d --group-by day,model
)";

constexpr const char* kVersionHelp = R"(Usage: antigravity-proxy version [--json]

Shows the version of this command.
)";

struct Arguments {
  std::string verb;
  bool json = false;
  bool help = false;
  std::map<std::string, std::string> query;
  std::optional<std::string> fault;
};

// Options of `usage` and the query parameters they become.
const std::map<std::string, std::string>& usage_options() {
  static const std::map<std::string, std::string> options = {{"--since", "since"},
                                                             {"--until", "until"},
                                                             {"--group-by", "group_by"},
                                                             {"--model", "model"},
                                                             {"--cascade", "cascade"}};
  return options;
}

// One "--name value" or "--name=value"; `index` ends on the last word used.
std::optional<std::string> take_query_option(const std::vector<std::string>& words,
                                             std::size_t& index,
                                             Arguments& out) {
  const auto equals = words[index].find('=');
  const auto name = words[index].substr(0, equals);
  const auto option = usage_options().find(name);
  if (option == usage_options().end() || out.verb != "usage") {
    return "unknown option " + name;
  }
  std::string value;
  if (equals != std::string::npos) {
    value = words[index].substr(equals + 1);
  } else if (index + 1 < words.size()) {
    value = words[++index];
  } else {
    return "option " + name + " needs a value";
  }
  if (!out.query.emplace(option->second, value).second) {
    return "option " + name + " is given twice";
  }
  return std::nullopt;
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments out;
  for (const auto& word : words) {  // before anything else: faults are JSON too
    out.json = out.json || word == "--json";
    out.help = out.help || word == "--help" || word == "-h";
    if (out.verb.empty() && !word.starts_with('-')) {
      out.verb = word;
    }
  }
  if (out.verb.empty() && !words.empty() && words.front() == "--version") {
    out.verb = "version";
  }
  bool verb_seen = false;
  for (std::size_t i = 0; i < words.size() && !out.fault; ++i) {
    const auto& word = words[i];
    if (word == "--json" || word == "--help" || word == "-h" || word == "--version") {
      continue;
    }
    if (word.starts_with('-')) {
      out.fault = take_query_option(words, i, out);
    } else if (verb_seen) {
      out.fault = "unexpected argument " + word;
    } else {
      verb_seen = true;
    }
  }
  return out;
}

Output failed(const Failure& failure, bool json) {
  Output output;
  output.exit = failure.exit;
  if (json) {
    output.out = failure_document(failure);
    return output;
  }
  output.err = "antigravity-proxy: " + failure.message + "\n";
  if (!failure.hint.empty()) {
    output.err += failure.hint + "\n";
  }
  return output;
}

Output wrong_line(const std::string& fault, const Arguments& arguments) {
  const std::string help = "see: antigravity-proxy " +
                           (arguments.verb.empty() ? std::string() : arguments.verb + " ") +
                           "--help";
  return failed({Exit::usage, "wrong_command_line", fault, help}, arguments.json);
}

Output version(const Arguments& arguments) {
  Output output;
  output.out = arguments.json ? "{\"version\":\"" AGP_VERSION "\"}\n"
                              : "antigravity-proxy " AGP_VERSION "\n";
  return output;
}

Output status(const Arguments& arguments, Daemon& daemon, const Style& style) {
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
  output.out = arguments.json ? document : text.text;
  return output;
}

Output usage(const Arguments& arguments, Daemon& daemon, const Style& style) {
  const auto answer = daemon.usage(arguments.query);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, arguments.json);
  }
  const auto& document = std::get<std::string>(answer);
  Output output;
  if (arguments.json) {
    output.out = document;
    return output;
  }
  auto rendered = render_usage(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, false);
  }
  output.out = std::get<std::string>(std::move(rendered));
  return output;
}

}  // namespace

Output run(const std::vector<std::string>& words, Daemon& daemon, bool color) {
  const auto verb = std::find_if(words.begin(), words.end(),
                                 [](const std::string& word) { return !word.starts_with('-'); });
  if (verb != words.end() && (*verb == "policy" || *verb == "config")) {
    return run_policy(words, daemon, color);
  }
  const auto arguments = parse(words);
  const bool is_known =
      arguments.verb == "status" || arguments.verb == "usage" || arguments.verb == "version";
  if (arguments.help) {
    Output output;
    output.out = arguments.verb == "status"    ? kStatusHelp
                 : arguments.verb == "usage"   ? kUsageHelp
                 : arguments.verb == "version" ? kVersionHelp
                                               : kHelp;
    return output;
  }
  if (arguments.verb.empty()) {
    Output output = wrong_line("no verb given", arguments);
    if (!arguments.json) {
      output.err += "\n";
      output.err += kHelp;
    }
    return output;
  }
  if (!is_known) {
    return wrong_line("unknown verb " + arguments.verb, arguments);
  }
  if (arguments.fault) {
    return wrong_line(*arguments.fault, arguments);
  }
  const Style style{color};
  if (arguments.verb == "version") {
    return version(arguments);
  }
  return arguments.verb == "status" ? status(arguments, daemon, style)
                                    : usage(arguments, daemon, style);
}

}  // namespace agp::cli
