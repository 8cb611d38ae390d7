#include "helper/core/arguments.h"

#include "helper/core/errc.h"

#include <algorithm>

namespace agp::core {
namespace {

constexpr std::size_t kIdChars = 32;
constexpr std::size_t kMaxEndpointChars = 256;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenChars &&
         // A leading dash could be read as an option.
         text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alnum(c) || c == '-' || c == '_';
         });
}

Error wrong(const char* what) {
  return {Errc::invalid_argument, what};
}

}  // namespace

Result<> validate(const StartRequest& request, const Settings& settings) {
  if (!settings.ports.contains(request.server_port)) {
    return wrong("server_port is outside the range of language_server.ports");
  }
  if (!settings.ports.contains(request.lsp_port) || request.lsp_port == request.server_port) {
    return wrong("lsp_port is outside the range of language_server.ports or equals server_port");
  }
  if (request.http_port != 0 &&
      (!settings.ports.contains(request.http_port) || request.http_port == request.server_port ||
       request.http_port == request.lsp_port)) {
    return wrong("http_port is outside the range of language_server.ports or taken twice");
  }
  if (request.extension_server_port < 1024 || request.extension_server_port == kApiPort ||
      request.extension_server_port == kInterceptPort) {
    return wrong("extension_server_port must be 1024-65535 and not 8741 or 8742");
  }
  if (!is_token(request.csrf_token)) {
    return wrong("csrf_token must be 1-128 of A-Z a-z 0-9 _ -, not starting with -");
  }
  if (!request.extension_csrf_token.empty() && !is_token(request.extension_csrf_token)) {
    return wrong("extension_csrf_token must be empty or 1-128 of A-Z a-z 0-9 _ -");
  }
  const auto& workspace = request.workspace_id;
  if (workspace.size() > kMaxWorkspaceIdChars ||
      !std::all_of(workspace.begin(), workspace.end(),
                   [](char c) { return is_alnum(c) || c == '_'; })) {
    return wrong("workspace_id must be 0-256 of A-Z a-z 0-9 _");
  }
  if (request.binary_index >= settings.binaries.size()) {
    return wrong("binary_index is not in the list of language_server.binaries");
  }
  return {};
}

Result<> validate_id(std::string_view id) {
  if (id.size() != kIdChars || !std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      })) {
    return wrong("id must be 32 lower-case hexadecimal digits");
  }
  return {};
}

std::string unit_of(std::string_view id) {
  return std::string(kUnitPrefix) + std::string(id) + std::string(kUnitSuffix);
}

std::string help_unit_of(std::string_view id) {
  return "antigravity-ls-help-" + std::string(id) + std::string(kUnitSuffix);
}

std::string id_of(std::string_view unit) {
  if (!unit.starts_with(kUnitPrefix) || !unit.ends_with(kUnitSuffix)) {
    return {};
  }
  unit.remove_prefix(kUnitPrefix.size());
  unit.remove_suffix(kUnitSuffix.size());
  return validate_id(unit) ? std::string(unit) : std::string();
}

bool is_endpoint(std::string_view text) {
  if (text.size() > kMaxEndpointChars) {
    return false;
  }
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) {
      text.remove_prefix(scheme.size());
      return !text.empty() && text.front() != '-' &&
             std::all_of(text.begin(), text.end(),
                         [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == ':'; });
    }
  }
  return false;
}

}  // namespace agp::core
