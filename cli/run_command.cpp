#include "cli/run_command.h"

#include "cli/document.h"
#include "cli/options.h"

#include <cerrno>
#include <cstring>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy run [OPTIONS] [--] CMD [ARGUMENT...]

Starts a program and measures the model calls of it and of what it starts. The
program takes the place of this command: same process, terminal and exit code.

Options:
  --user NAME      (root only) run it as that user
  --unmetered-ok   when its traffic cannot be captured, say so and start it anyway

Usage appears under your own uid: antigravity-proxy usage. Exits with 69 when nothing is
captured at the moment, 126 when CMD cannot be executed, 127 when it is not found.
)";

struct Line {
  bool help = false;
  bool json = false;
  bool unmetered_ok = false;
  std::string user;
  std::vector<std::string> command;
  std::string fault;
};

/// Everything from the first word on that is no option is the program's.
Line parse(const std::vector<std::string>& words) {
  Line line;
  bool is_verb_seen = false;
  for (std::size_t i = 0; i < words.size() && line.fault.empty(); ++i) {
    const auto& word = words[i];
    if (!is_verb_seen && !word.starts_with('-')) {
      is_verb_seen = true;
    } else if (word == "--" || !word.starts_with('-')) {
      const auto first = i + (word == "--" ? 1 : 0);
      line.command.assign(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
      break;
    } else if (word == "--help" || word == "-h") {
      line.help = true;
    } else if (word == "--json") {
      line.json = true;
    } else if (word == "--unmetered-ok") {
      line.unmetered_ok = true;
    } else if (word.starts_with("--user=")) {
      line.user = word.substr(std::strlen("--user="));
    } else if (word == "--user" && i + 1 < words.size()) {
      line.user = words[++i];
    } else {
      line.fault = word == "--user" ? "option --user needs a value" : "unknown option " + word;
    }
  }
  if (line.fault.empty() && !line.help && line.command.empty()) {
    line.fault = "no program given";
  }
  return line;
}

/// Whether traffic is captured now; a program in a scope without that would reach nobody.
std::optional<Failure> ask_daemon(Daemon& daemon) {
  const auto answer = daemon.status();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    auto out = *failure;
    if (out.exit == Exit::not_active) {
      out.exit = Exit::unavailable;  // 3 could be the program's own
    }
    return out;
  }
  boost::system::error_code error;
  const auto document = json::parse(std::get<std::string>(answer), error);
  const auto* root = error ? nullptr : document.if_object();
  const auto* capture = root == nullptr ? nullptr : object_in(*root, "capture");
  const auto* active = capture == nullptr ? nullptr : find(*capture, "active");
  if (active == nullptr || !active->is_bool()) {
    return unreadable();
  }
  if (!active->as_bool()) {
    return Failure{Exit::unavailable, "not_capturing", "antigravity-proxy captures nothing now",
                   "see why with: antigravity-proxy status"};
  }
  return std::nullopt;
}

Answer<std::string> capture(Daemon& daemon, RunHost& host, uid_t user) {
  if (auto failure = ask_daemon(daemon)) {
    return *failure;
  }
  const auto id = host.fresh_id();
  if (auto failure = host.enter_scope(id, user)) {
    return *failure;
  }
  return host.capture_scope(id, user);
}

void trust(const std::string& bundle, RunHost& host) {
  std::string replaced;
  for (const auto& [name, value] : trust_environment(bundle)) {
    const auto before = host.environment(name);
    if (before && !before->empty() && *before != value) {
      replaced += (replaced.empty() ? "" : ", ") + name;
    }
    host.set_environment(name, value);
  }
  if (!replaced.empty()) {
    host.say("antigravity-proxy: replaced in the environment of the program: " + replaced + "\n");
  }
}

void describe(const RunUser& user, RunHost& host) {
  host.set_environment("HOME", user.home);
  host.set_environment("USER", user.name);
  host.set_environment("LOGNAME", user.name);
  host.set_environment("SHELL", user.shell);
}

Output not_started(const std::vector<std::string>& command, int error, bool json) {
  return failed({error == ENOENT ? Exit::not_found : Exit::cannot_execute, "not_started",
                 command.front() + ": " + std::strerror(error),
                 "check the name, and that it may be executed"},
                json);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> trust_environment(const std::string& bundle) {
  return {
      {"SSL_CERT_FILE", bundle},  {"SSL_CERT_DIR", "/dev/null"},  {"NODE_EXTRA_CA_CERTS", bundle},
      {"CURL_CA_BUNDLE", bundle}, {"REQUESTS_CA_BUNDLE", bundle}, {"GIT_SSL_CAINFO", bundle},
      {"DENO_CERT", bundle}};
}

Output run_program(const std::vector<std::string>& words, Daemon& daemon, RunHost& host) {
  const auto line = parse(words);
  if (line.help) {
    Output output;
    output.out = kHelp;
    return output;
  }
  if (!line.fault.empty()) {
    return wrong_line(line.fault, "run", line.json);
  }
  std::optional<RunUser> user;
  if (!line.user.empty()) {
    if (host.uid() != 0) {
      return failed({Exit::refused, "refused", "only root may run a program as another user",
                     "leave --user out, or run it as root"},
                    line.json);
    }
    user = host.user_named(line.user);
    if (!user) {
      return failed(
          {Exit::data, "no_such_user", "there is no user " + line.user, "see: getent passwd"},
          line.json);
    }
  }
  const auto bundle = capture(daemon, host, user ? user->uid : host.uid());
  if (const auto* failure = std::get_if<Failure>(&bundle)) {
    if (!line.unmetered_ok) {
      auto shown = *failure;
      shown.hint += (shown.hint.empty() ? "" : "\n") +
                    std::string("the program was not started; with --unmetered-ok it would be");
      return failed(shown, line.json);
    }
    host.say("antigravity-proxy: starting the program unmetered: " + failure->message + "\n");
  } else {
    trust(std::get<std::string>(bundle), host);
  }
  if (user) {
    if (auto failure = host.become(*user)) {
      return failed(*failure, line.json);
    }
    describe(*user, host);
  }
  return not_started(line.command, host.execute(line.command), line.json);
}

}  // namespace agp::cli
