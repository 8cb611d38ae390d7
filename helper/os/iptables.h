#pragma once

#include "helper/core/ports.h"

#include <string>

namespace agp::os {

/// iptables and ip6tables through their save and restore programs.
class Iptables final : public core::Firewall {
 public:
  /// @param directory where the programs are; empty looks in the system's places (tests give one).
  explicit Iptables(std::string directory = {}) : directory_(std::move(directory)) {}

  bool is_present(core::Family family) override;
  Result<std::string> save(core::Family family, core::Table table) override;
  Result<> restore(core::Family family, const std::string& input) override;

 private:
  [[nodiscard]] Result<std::string> program(core::Family family, const char* verb) const;

  std::string directory_;
};

}  // namespace agp::os
