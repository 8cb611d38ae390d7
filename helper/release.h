#pragma once

#include "common/base/result.h"
#include "helper/core/operations.h"
#include "helper/os/runtime_directory.h"
#include "helper/os/unit_manager.h"

#include <string>

namespace agp::helper {

/// On whose behalf `--release` runs.
enum class ReleaseFor { administrator, service, capture };

/// Takes back everything the helper may have put on the machine, whatever state it is in: language
/// servers, the helper process, rules, bundle, runtime directory; then closes the service's sockets
/// when it runs for one of the units. Twice is as good as once.
[[nodiscard]] Result<> run_release(ReleaseFor reason,
                                   core::Operations& operations,
                                   os::SystemdUnits& units,
                                   os::RuntimeDirectory& directory);

}  // namespace agp::helper
