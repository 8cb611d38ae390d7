#include "cli/run_command.h"

#include "cli/document.h"

#include <cerrno>
#include <cstring>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

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

Output run_program(const Line& line, Daemon& daemon, RunHost& host) {
  std::optional<RunUser> user;
  if (const auto name = line.value("--user")) {
    if (host.uid() != 0) {
      return failed({Exit::refused, "refused", "only root may run a program as another user",
                     "leave --user out, or run it as root"},
                    line.json);
    }
    user = host.user_named(*name);
    if (!user) {
      return failed({Exit::data, "no_such_user", "there is no user " + *name, "see: getent passwd"},
                    line.json);
    }
  }
  const auto bundle = capture(daemon, host, user ? user->uid : host.uid());
  if (const auto* failure = std::get_if<Failure>(&bundle)) {
    if (!line.has("--unmetered-ok")) {
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
  return not_started(line.arguments, host.execute(line.arguments), line.json);
}

}  // namespace agp::cli
