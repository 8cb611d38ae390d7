#pragma once

#include "cli/run_command.h"

#include <string_view>

namespace agp::cli {

/// The machine: service managers, the helper, and this process itself.
class SystemRunHost final : public RunHost {
 public:
  [[nodiscard]] uid_t uid() const override;
  [[nodiscard]] std::optional<RunUser> user_named(const std::string& name) const override;
  [[nodiscard]] std::string fresh_id() override;
  [[nodiscard]] std::optional<Failure> enter_scope(const std::string& id, uid_t user) override;
  [[nodiscard]] Answer<std::string> capture_scope(const std::string& id, uid_t user) override;
  [[nodiscard]] std::optional<std::string> environment(const std::string& name) const override;
  void set_environment(const std::string& name, const std::string& value) override;
  [[nodiscard]] std::optional<Failure> become(const RunUser& user) override;
  void say(const std::string& text) override;
  [[nodiscard]] int execute(const std::vector<std::string>& command) override;
};

/// Whether /proc/self/cgroup says that a process is in a unit of this name, in cgroup2.
[[nodiscard]] bool is_in_unit(std::string_view proc_cgroup, std::string_view unit);

}  // namespace agp::cli
