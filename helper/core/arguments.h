#pragma once

#include "common/base/result.h"
#include "helper/core/settings.h"

#include <cstdint>
#include <string>
#include <string_view>

/// Refusing nonsense before anybody is asked for authorization.
namespace agp::core {

constexpr std::size_t kMaxTokenChars = 128;
constexpr std::size_t kMaxWorkspaceIdChars = 256;
constexpr std::size_t kMaxStdinBytes = 65536;
constexpr std::size_t kMaxLanguageServers = 4;

/// The arguments of StartLanguageServer and LaunchLanguageServer, copied before the first
/// suspension.
struct StartRequest {
  std::uint16_t server_port = 0;
  std::uint16_t lsp_port = 0;
  std::uint16_t extension_server_port = 0;
  std::string csrf_token;
  std::string extension_csrf_token;  // empty: the same as csrf_token
  std::string workspace_id;          // empty: no folder is open
  std::uint32_t binary_index = 0;
  std::uint16_t http_port = 0;  // of the cleartext listener; 0: left to the language server
};

/// @return Errc::invalid_argument with the name of the argument and its range, never its value.
[[nodiscard]] Result<> validate(const StartRequest& request, const Settings& settings);

/// 32 lower-case hexadecimal digits.
[[nodiscard]] Result<> validate_id(std::string_view id);

constexpr std::string_view kUnitPrefix = "antigravity-ls-";
constexpr std::string_view kUnitSuffix = ".service";

[[nodiscard]] std::string unit_of(std::string_view id);
/// The unit that asks a program for its flags. It is no language server: id_of() does not know it.
[[nodiscard]] std::string help_unit_of(std::string_view id);
/// Empty when the unit is not one of ours.
[[nodiscard]] std::string id_of(std::string_view unit);

/// `https://host[:port]`, or http for a local observer; no path, query or user part.
[[nodiscard]] bool is_endpoint(std::string_view text);

}  // namespace agp::core
