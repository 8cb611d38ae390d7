#pragma once

#include "cli/cleanup.h"

namespace agp::cli {

/// The machine that this command runs on.
class SystemMachine final : public CleanupMachine {
 public:
  [[nodiscard]] bool is_root() override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<> remove(const std::string& path) override;
  [[nodiscard]] bool has_table() override;
  [[nodiscard]] Result<> remove_table() override;
  [[nodiscard]] Result<Ran> run(const std::string& program,
                                const std::vector<std::string>& arguments,
                                std::string_view input,
                                std::chrono::seconds limit) override;
};

}  // namespace agp::cli
