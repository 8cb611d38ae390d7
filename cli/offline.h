#pragma once

#include "cli/daemon_client.h"

#include <optional>
#include <string>

/// What the daemon would say, from the files, by the code it uses itself.
namespace agp::cli {

/// The documents antigravity-proxy.policy.v1 and antigravity-proxy.policy-check.v1.
/// @param proxy_file  proxy.yaml, with the others beside it; nullopt: the installed one.
[[nodiscard]] Answer<std::string> offline_policy(const std::optional<std::string>& proxy_file);
[[nodiscard]] Answer<std::string> offline_check(const std::optional<std::string>& proxy_file,
                                                const std::string& host,
                                                const std::string& method,
                                                const std::string& path);

/// The document antigravity-proxy.config-check.v1: valid, faults, warnings.
[[nodiscard]] std::string offline_config_check(const std::optional<std::string>& proxy_file);

}  // namespace agp::cli
