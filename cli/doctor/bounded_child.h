#pragma once

#include "cli/daemon_client.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

namespace agp::cli::doctor {

struct ChildAccount {
  uid_t user = 0;
  gid_t group = 0;
};

/// Runs `work` in a process of its own and returns its text. What hangs there, in a resolver or a
/// peer, ends with the limit.
/// @param account  whom it becomes before; nullopt: as we are.
[[nodiscard]] Answer<std::string> run_bounded(const std::function<std::string()>& work,
                                              std::chrono::milliseconds limit,
                                              std::optional<ChildAccount> account = std::nullopt);

}  // namespace agp::cli::doctor
