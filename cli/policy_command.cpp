#include "cli/policy_command.h"

#include "cli/offline.h"
#include "cli/render.h"

#include <optional>

namespace agp::cli {
namespace {

constexpr const char* kPolicyHelp =
    R"(Usage: antigravity-proxy policy show [--offline] [--config FILE] [--json]
       antigravity-proxy policy check HOST [METHOD PATH] [--offline] [--config FILE] [--json]
       antigravity-proxy policy reload [--json]

show    the policy in effect: each rule and the line it was written in
check   what happens to a host or a request, and which rule says so;
        HOST "-" is a connection without a name
reload  reads policy.yaml, corp.yaml and capture.inspect again; new connections get the new
        policy, and after any fault the old one stays, whole

Options:
  --offline      read the files instead of asking the service; done by itself when the
                 service does not run
  --config FILE  read this proxy.yaml and the policy.yaml and corp.yaml beside it
  --json         one JSON document instead of text

Exit codes: 0 allowed or done; 1 the host or request is blocked; 65 the files are faulty, and a
reload kept the old policy; 64, 69 and 77 as for every verb.

Examples:
  antigravity-proxy policy check api.openai.com POST /v1/files
  antigravity-proxy policy reload
)";

constexpr const char* kConfigHelp =
    R"(Usage: antigravity-proxy config check [--config FILE] [--json]

Checks proxy.yaml, policy.yaml, corp.yaml and their drop-ins without the service, and shows
every fault with its line.

Options:
  --config FILE  check this proxy.yaml and the policy.yaml and corp.yaml beside it
  --json         one JSON document instead of text

Exit codes: 0 valid; 65 faulty.
)";

struct Arguments {
  std::vector<std::string> plain;  // the verb first
  bool json = false;
  bool help = false;
  bool offline = false;
  std::optional<std::string> config;
  std::optional<std::string> fault;
};

Arguments parse(const std::vector<std::string>& words) {
  static const std::string kConfig = "--config=";
  Arguments out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--json") {
      out.json = true;
    } else if (word == "--help" || word == "-h") {
      out.help = true;
    } else if (word == "--offline") {
      out.offline = true;
    } else if (word.starts_with(kConfig)) {
      out.config = word.substr(kConfig.size());
    } else if (word == "--config") {
      if (i + 1 == words.size()) {
        out.fault = "option --config needs a value";
      } else {
        out.config = words[++i];
      }
    } else if (word.size() > 1 && word.front() == '-') {
      out.fault = "unknown option " + word.substr(0, word.find('='));
    } else {
      out.plain.push_back(word);
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
  return failed({Exit::usage, "wrong_command_line", fault,
                 "see: antigravity-proxy " + arguments.plain.front() + " --help"},
                arguments.json);
}

/// The document for people, or as it is; its own exit code when it was understood.
Output shown(const Answer<std::string>& answer,
             Answer<PolicyText> (*render)(std::string_view),
             const Arguments& arguments) {
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, arguments.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render(document);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, arguments.json);
  }
  const auto& text = std::get<PolicyText>(rendered);
  Output output;
  output.exit = text.exit;
  output.out = arguments.json ? document : text.text;
  return output;
}

bool is_absent(const Answer<std::string>& answer) {
  const auto* failure = std::get_if<Failure>(&answer);
  return failure != nullptr &&
         (failure->exit == Exit::not_active || failure->exit == Exit::unavailable);
}

/// Asks the service, or the files when they were asked for or there is no service.
template <class Ask, class Read>
Output ask(const Arguments& arguments,
           Answer<PolicyText> (*render)(std::string_view),
           Ask ask_daemon,
           Read read_files) {
  if (arguments.offline || arguments.config) {
    return shown(read_files(), render, arguments);
  }
  const auto answer = ask_daemon();
  if (!is_absent(answer)) {
    return shown(answer, render, arguments);
  }
  auto output = shown(read_files(), render, arguments);
  if (!arguments.json) {
    output.err =
        "antigravity-proxy: the service does not answer; this is what the files say\n" + output.err;
  }
  return output;
}

Output policy(const Arguments& arguments, Daemon& daemon) {
  const auto& words = arguments.plain;
  const std::string verb = words.size() > 1 ? words[1] : "";
  if (verb == "show" && words.size() == 2) {
    return ask(
        arguments, render_policy, [&] { return daemon.policy(); },
        [&] { return offline_policy(arguments.config); });
  }
  if (verb == "check" && (words.size() == 3 || words.size() == 5)) {
    const std::string host = words[2] == "-" ? "" : words[2];
    const std::string method = words.size() == 5 ? words[3] : "";
    const std::string path = words.size() == 5 ? words[4] : "";
    return ask(
        arguments, render_policy_check, [&] { return daemon.check_policy(host, method, path); },
        [&] { return offline_check(arguments.config, host, method, path); });
  }
  if (verb == "reload" && words.size() == 2) {
    if (arguments.offline || arguments.config) {
      return wrong_line("policy reload is for the running service", arguments);
    }
    return shown(daemon.reload_policy(), render_policy_reload, arguments);
  }
  if (verb == "check") {
    return wrong_line("policy check takes HOST or HOST METHOD PATH", arguments);
  }
  if (verb.empty()) {
    return wrong_line("policy needs one of show, check, reload", arguments);
  }
  return wrong_line(verb == "show" || verb == "reload" ? "unexpected argument " + words[2]
                                                       : "unknown verb policy " + verb,
                    arguments);
}

}  // namespace

Output run_policy(const std::vector<std::string>& words, Daemon& daemon, bool /*color*/) {
  const auto arguments = parse(words);
  const bool is_config = arguments.plain.front() == "config";
  if (arguments.help) {
    Output output;
    output.out = is_config ? kConfigHelp : kPolicyHelp;
    return output;
  }
  if (arguments.fault) {
    return wrong_line(*arguments.fault, arguments);
  }
  if (!is_config) {
    return policy(arguments, daemon);
  }
  if (arguments.plain.size() != 2 || arguments.plain[1] != "check") {
    return wrong_line("config has one verb: check", arguments);
  }
  return shown(offline_config_check(arguments.config), render_config_check, arguments);
}

}  // namespace agp::cli
