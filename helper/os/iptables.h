#pragma once

#include "helper/core/ports.h"

#include <string>

namespace agp::os {

/// iptables and ip6tables through their save and restore programs.
class Iptables final : public core::Firewall {
 public:
  /// @param directory where the programs are; empty looks in the system's places (tests give one).
  /// @param kind empty: the one that the system's administrator chose; "nft" or "legacy".
  explicit Iptables(std::string directory = {}, std::string kind = {})
      : directory_(std::move(directory)), kind_(std::move(kind)) {}

  bool is_present(core::Family family) override;
  Result<std::string> save(core::Family family, core::Table table) override;
  Result<> restore(core::Family family, const std::string& input) override;

  /// "nft" or "legacy", by what the program's name leads to; empty when it is neither.
  [[nodiscard]] std::string kind() const;

 private:
  [[nodiscard]] Result<std::string> program(core::Family family, const char* verb) const;

  std::string directory_;
  std::string kind_;
};

/// The kind that the system's administrator did not choose, where rules of ours may be left from
/// before he changed his mind. Asks it nothing that makes the kernel load tables.
class OtherIptables final : public core::Firewall {
 public:
  bool is_present(core::Family family) override;
  Result<std::string> save(core::Family family, core::Table table) override;
  Result<> restore(core::Family family, const std::string& input) override;

 private:
  [[nodiscard]] Iptables& other();

  std::string kind_;
  Iptables other_;
};

}  // namespace agp::os
