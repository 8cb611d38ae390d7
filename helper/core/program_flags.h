#pragma once

#include "common/base/result.h"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace agp::core {

constexpr std::size_t kMaxHelpBytes = std::size_t{256} * 1024;

/// The flags a language server says it knows. Releases rename them, and one it does not know ends
/// it: so it is asked, and no version is ever guessed from.
class ProgramFlags {
 public:
  ProgramFlags() = default;
  explicit ProgramFlags(std::set<std::string> names) : names_(std::move(names)) {}

  /// Reads what `--help` printed, up to kMaxHelpBytes of it. Text that lists no flag has none.
  /// Source: Go, package flag, PrintDefaults: two blanks, a dash, the name; usage below a tab.
  [[nodiscard]] static ProgramFlags read(std::string_view help);

  [[nodiscard]] bool has(const std::string& name) const { return names_.contains(name); }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  friend bool operator==(const ProgramFlags&, const ProgramFlags&) = default;

 private:
  std::set<std::string> names_;
};

}  // namespace agp::core
