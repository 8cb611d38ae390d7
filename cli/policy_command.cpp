#include "cli/policy_command.h"

#include "cli/offline.h"
#include "cli/options.h"
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

/// The document for people, or as it is; its own exit code when it was understood.
Output shown(const Answer<std::string>& answer,
             Answer<PolicyText> (*render)(std::string_view),
             const Options& options) {
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, options.json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render(document);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, options.json);
  }
  const auto& text = std::get<PolicyText>(rendered);
  Output output;
  output.exit = text.exit;
  output.out = options.json ? document : text.text;
  return output;
}

std::optional<std::string> config_of(const Options& options) {
  const auto given = options.values.find("--config");
  return given == options.values.end() ? std::nullopt : std::optional(given->second);
}

bool is_offline(const Options& options) {
  return options.flags.count("--offline") != 0 || config_of(options).has_value();
}

Output wrong(const std::string& fault, const Options& options) {
  return wrong_line(fault, options.plain.front(), options.json);
}

bool is_absent(const Answer<std::string>& answer) {
  const auto* failure = std::get_if<Failure>(&answer);
  return failure != nullptr &&
         (failure->exit == Exit::not_active || failure->exit == Exit::unavailable);
}

/// Asks the service, or the files when they were asked for or there is no service.
template <class Ask, class Read>
Output ask(const Options& options,
           Answer<PolicyText> (*render)(std::string_view),
           Ask ask_daemon,
           Read read_files) {
  if (is_offline(options)) {
    return shown(read_files(), render, options);
  }
  const auto answer = ask_daemon();
  if (!is_absent(answer)) {
    return shown(answer, render, options);
  }
  auto output = shown(read_files(), render, options);
  if (!options.json) {
    output.err =
        "antigravity-proxy: the service does not answer; this is what the files say\n" + output.err;
  }
  return output;
}

Output policy(const Options& options, Daemon& daemon) {
  const auto& words = options.plain;
  const std::string verb = words.size() > 1 ? words[1] : "";
  if (verb == "show" && words.size() == 2) {
    return ask(
        options, render_policy, [&] { return daemon.policy(); },
        [&] { return offline_policy(config_of(options)); });
  }
  if (verb == "check" && (words.size() == 3 || words.size() == 5)) {
    const std::string host = words[2] == "-" ? "" : words[2];
    const std::string method = words.size() == 5 ? words[3] : "";
    const std::string path = words.size() == 5 ? words[4] : "";
    return ask(
        options, render_policy_check, [&] { return daemon.check_policy(host, method, path); },
        [&] { return offline_check(config_of(options), host, method, path); });
  }
  if (verb == "reload" && words.size() == 2) {
    if (is_offline(options)) {
      return wrong("policy reload is for the running service", options);
    }
    return shown(daemon.reload_policy(), render_policy_reload, options);
  }
  if (verb == "check") {
    return wrong("policy check takes HOST or HOST METHOD PATH", options);
  }
  if (verb.empty()) {
    return wrong("policy needs one of show, check, reload", options);
  }
  return wrong(verb == "show" || verb == "reload" ? "unexpected argument " + words[2]
                                                  : "unknown verb policy " + verb,
               options);
}

}  // namespace

Output run_policy(const std::vector<std::string>& words, Daemon& daemon, bool /*color*/) {
  const auto options = parse_options(words, {"--config"}, {"--offline"});
  const bool is_config = options.plain.front() == "config";
  if (options.help) {
    Output output;
    output.out = is_config ? kConfigHelp : kPolicyHelp;
    return output;
  }
  if (options.fault) {
    return wrong(*options.fault, options);
  }
  if (!is_config) {
    return policy(options, daemon);
  }
  if (options.plain.size() != 2 || options.plain[1] != "check") {
    return wrong("config has one verb: check", options);
  }
  return shown(offline_config_check(config_of(options)), render_config_check, options);
}

}  // namespace agp::cli
