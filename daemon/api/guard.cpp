#include "daemon/api/guard.h"

#include <algorithm>

namespace agp::api {
namespace {

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_own_origin(std::string_view origin, const Door& door) {
  constexpr std::string_view kScheme = "http://";
  const auto text = lowered(origin);
  return text.starts_with(kScheme) && is_own_host(text.substr(kScheme.size()), door);
}

std::optional<ApiError> refuse_host(const Request& request, const Door& door) {
  const auto hosts = request.header("Host");
  if (hosts.size() == 1 && is_own_host(hosts.front(), door)) {
    return std::nullopt;
  }
  return ApiError{421,
                  "invalid_request_error",
                  "host_not_allowed",
                  "this server answers for loopback names only",
                  "use http://127.0.0.1:8741 or http://localhost:8741",
                  ""};
}

std::optional<ApiError> refuse_browser(const Request& request, const Door& door) {
  for (const auto origin : request.header("Origin")) {
    if (!is_own_origin(origin, door)) {
      return ApiError{403,
                      "permission_error",
                      "origin_not_allowed",
                      "requests from other web pages are refused",
                      "call the API from a local program",
                      ""};
    }
  }
  for (const auto site : request.header("Sec-Fetch-Site")) {
    const auto value = lowered(site);
    if (value != "same-origin" && value != "none") {
      return ApiError{403,
                      "permission_error",
                      "cross_site",
                      "requests from other web pages are refused",
                      "call the API from a local program",
                      ""};
    }
  }
  if (request.method == "OPTIONS") {
    return ApiError{403,
                    "permission_error",
                    "no_cors",
                    "there is no cross-origin access to this server",
                    "call the API from a local program",
                    ""};
  }
  return std::nullopt;
}

}  // namespace

bool is_own_host(std::string_view host, const Door& door) {
  const auto text = lowered(host);
  for (const std::string name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (door.port && text == name + ":" + std::to_string(*door.port)) {
      return true;
    }
    // No DNS name can lead a browser to a Unix socket, so there the port is of no matter.
    if (!door.port && (text == name || text == name + ":8741")) {
      return true;
    }
  }
  return std::any_of(door.extra_hosts.begin(), door.extra_hosts.end(),
                     [&](const auto& extra) { return lowered(extra) == text; });
}

std::optional<ApiError> refuse_head(const Request& request, const Door& door) {
  if (auto refusal = refuse_host(request, door)) {
    return refusal;
  }
  if (auto refusal = refuse_browser(request, door)) {
    return refusal;
  }
  if (request.method == "POST" || request.method == "PUT" || request.method == "PATCH") {
    const auto types = request.header("Content-Type");
    auto type = types.size() == 1 ? lowered(types.front()) : std::string();
    type.erase(std::min(type.find(';'), type.size()));
    type.erase(type.find_last_not_of(" \t") + 1);
    if (type != "application/json") {
      return ApiError{415,
                      "invalid_request_error",
                      "not_json",
                      "bodies are accepted as application/json only",
                      "send the header Content-Type: application/json",
                      ""};
    }
  }
  return std::nullopt;
}

}  // namespace agp::api
