#pragma once

#include "common/base/result.h"
#include "helper/core/operations.h"
#include "helper/os/runtime_directory.h"
#include "helper/os/unit_manager.h"

#include <string>

namespace agp::helper {

/// On whose behalf `--release` runs: antigravity-proxy.service, or the socket for redirected
/// connections, which ends after it.
enum class ReleaseFor { administrator, service, socket };

/// Takes back everything the helper may have put on the machine, whatever state it is in: language
/// servers, the helper process, rules, bundle, runtime directory. For one of the units, only when
/// its job is a stop: rules stay after a crash and during a restart, so that nothing of the
/// language server goes out unmetered meanwhile. Twice is as good as once.
[[nodiscard]] Result<> run_release(ReleaseFor reason,
                                   core::Operations& operations,
                                   os::SystemdUnits& units,
                                   os::RuntimeDirectory& directory);

}  // namespace agp::helper
