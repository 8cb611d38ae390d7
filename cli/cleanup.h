#pragma once

#include "common/base/result.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Taking away what the product put on this machine, with or without the rest of it: no daemon,
/// helper or bus is needed.
namespace agp::cli {

/// What a program of the system said.
struct Ran {
  int exit_status = -1;
  std::string output;
  std::string diagnostics;
};

/// The machine that is cleaned; a fake in tests.
class CleanupMachine {
 public:
  virtual ~CleanupMachine() = default;
  [[nodiscard]] virtual bool is_root() = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  /// Removes a directory with all below it; a link is never followed.
  [[nodiscard]] virtual Result<> remove(const std::string& path) = 0;
  /// The table of nf_tables that holds our rules, whoever owns it. Asked of the kernel itself: the
  /// product needs no nft, so there may be none. A kernel that cannot be asked has no table.
  [[nodiscard]] virtual bool has_table() = 0;
  /// Fails while a process of somebody else's holds it.
  [[nodiscard]] virtual Result<> remove_table() = 0;
  /// @param program  an absolute path.
  [[nodiscard]] virtual Result<Ran> run(const std::string& program,
                                        const std::vector<std::string>& arguments,
                                        std::string_view input,
                                        std::chrono::seconds limit) = 0;
};

/// A unit, the rules of one table, an nftables table, or a directory.
struct Trace {
  std::string kind;  // unit, rules, table, files
  std::string name;
  friend bool operator==(const Trace&, const Trace&) = default;
};

struct CleanupReport {
  std::vector<Trace> found;
  std::vector<Trace> removed;
  std::vector<Trace> left;
  bool is_certain = true;             // the last look saw everything that there is to be seen
  std::vector<std::string> problems;  // what could not be looked at or done, and what to do
};

/// Looks for every trace; the ledger, the certificate authority and the configuration are none.
/// Without `only_look`: stops the units, lets the helper release what it holds, removes what is
/// left then, and looks again.
[[nodiscard]] CleanupReport clean_up(CleanupMachine& machine, bool only_look);

}  // namespace agp::cli
