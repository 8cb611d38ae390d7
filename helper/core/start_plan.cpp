#include "helper/core/start_plan.h"

#include "helper/core/errc.h"

namespace agp::core {
namespace {

constexpr char kToken[] = "AGP_CSRF_TOKEN";
constexpr char kCallbackToken[] = "AGP_EXTENSION_SERVER_CSRF_TOKEN";

std::string reference_to(const char* name) {
  return std::string("${") + name + "}";
}

std::string line(const char* name, const std::string& value) {
  return std::string(name) + "=" + value + "\n";
}

Error lacks(const std::string& flag, const char* why) {
  return {Errc::no_binary, "its --help does not list --" + flag + ", " + why};
}

/// The flag for the port clients connect to: renamed in the course of the second era.
std::string port_flag(const ProgramFlags& flags) {
  for (const char* name : {"https_server_port", "server_port"}) {
    if (flags.has(name)) {
      return name;
    }
  }
  return {};
}

class Arguments {
 public:
  explicit Arguments(const ProgramFlags& flags) : flags_(flags) {}

  void add(const std::string& name, const std::string& value) {
    words_.push_back("--" + name);
    words_.push_back(value);
  }
  void add_if_known(const std::string& name, const std::string& value) {
    if (flags_.has(name)) {
      add(name, value);
    }
  }
  // A boolean takes no word of its own: Go would stop reading flags at it.
  void set_if_known(const std::string& name) {
    if (flags_.has(name)) {
      words_.push_back("--" + name);
    }
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  const ProgramFlags& flags_;
  std::vector<std::string> words_;
};

}  // namespace

// Never passed: --random_port (ports outside of the range are open to every local user),
// --persistent_mode (a language server must not outlive the service, nor write its token into a
// file), --standalone (it means: without an extension server, and that is where the login is),
// --parent_pipe_path (the unit stops with the service). Source: ls-protocol reference, sections
// 1.2 and 2.3.
Result<StartPlan> plan_start(const StartRequest& request,
                             const Settings& settings,
                             const ProgramFlags& flags) {
  if (flags.empty()) {
    return Error(Errc::no_binary, "its --help lists no flags: is it a language server?");
  }
  const std::string port = port_flag(flags);
  if (port.empty()) {
    return lacks("https_server_port and no --server_port",
                 "so it cannot be told to listen on a port that is closed to other users");
  }
  if (!flags.has("extension_server_port")) {
    return lacks("extension_server_port", "so it cannot sign in through a running IDE");
  }
  if (!flags.has("csrf_token")) {
    return lacks("csrf_token", "so nobody could be kept from using it");
  }
  StartPlan plan;
  const auto& callback =
      request.extension_csrf_token.empty() ? request.csrf_token : request.extension_csrf_token;
  plan.has_one_token = !flags.has("extension_server_csrf_token");
  Arguments words(flags);
  words.set_if_known("enable_lsp");
  words.add("extension_server_port", std::to_string(request.extension_server_port));
  words.add("csrf_token", reference_to(kToken));
  if (plan.has_one_token) {
    plan.secrets = line(kToken, callback);
  } else {
    words.add("extension_server_csrf_token", reference_to(kCallbackToken));
    plan.secrets = line(kToken, request.csrf_token) + line(kCallbackToken, callback);
  }
  words.add(port, std::to_string(request.server_port));
  if (request.http_port != 0) {
    words.add_if_known("http_server_port", std::to_string(request.http_port));
  }
  words.add_if_known("lsp_port", std::to_string(request.lsp_port));
  if (!request.workspace_id.empty()) {
    words.add_if_known("workspace_id", request.workspace_id);
  }
  words.add_if_known("cloud_code_endpoint", settings.cloud_code_endpoint);
  words.add_if_known("app_data_dir", "antigravity");
  plan.arguments = words.take();
  return plan;
}

}  // namespace agp::core
