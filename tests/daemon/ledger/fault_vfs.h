#pragma once

#include <cstdint>

/// SQLite's file layer with faults to order. Once installed it is the default of this process.
namespace agp::ledger::test {

struct Faults {
  /// SQLite result of every write, sync and truncation from now on; 0: none.
  int write_result = 0;
  /// The errno that goes with it.
  int number = 0;
  /// SIGKILL to this process before the n-th change of a file from now on, 1 is the next; 0: never.
  std::uint64_t kill_at = 0;
};

void install_fault_vfs();
void set_faults(const Faults& faults);

}  // namespace agp::ledger::test
