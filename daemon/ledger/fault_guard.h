#pragma once

#include <cstddef>

/// Writing to a mapped file can fail with SIGBUS only: the disk that broke, a file system that was
/// made read-only after an error, one that copies on write and is full. This turns it into a value.
namespace agp::ledger {

/// Takes over SIGBUS; a fault that is not guarded goes to whoever had the signal before. Once per
/// process is enough, more do no harm.
void install_fault_guard();

/// Runs `work(argument)`, which touches the mapping of `size` octets at `begin`.
/// @param work  owns nothing and calls nothing that does: a fault leaves it by a jump.
/// @return false when an access to the mapping failed; what was written of it is then unknown.
[[nodiscard]] bool run_guarded(const void* begin,
                               std::size_t size,
                               void (*work)(void*),
                               void* argument);

}  // namespace agp::ledger
