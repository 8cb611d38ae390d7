#include "cli/cleanup_machine.h"

#include "helper/os/command.h"
#include "helper/os/owner_table.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace agp::cli {

bool SystemMachine::is_root() {
  return ::geteuid() == 0;
}

bool SystemMachine::exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<> SystemMachine::remove(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) {
    return Error(error, "removing " + path);
  }
  return {};
}

bool SystemMachine::has_table() {
  const auto seen = os::NftOwnerTable(nullptr).compare({});
  return seen && *seen != core::TableState::absent;
}

Result<> SystemMachine::remove_table() {
  const auto removed = os::NftOwnerTable(nullptr).remove();
  return removed ? Result<>() : Result<>(removed.error());
}

Result<Ran> SystemMachine::run(const std::string& program,
                               const std::vector<std::string>& arguments,
                               std::string_view input,
                               std::chrono::seconds limit) {
  os::CommandLimits limits;
  limits.time = limit;
  limits.output_bytes = 16 * 1024 * 1024;  // rules of a machine with many containers
  auto result = os::run_command(program, arguments, input, limits);
  if (!result) {
    return result.error();
  }
  return Ran{result->exit_status, std::move(result->output), std::move(result->diagnostics)};
}

}  // namespace agp::cli
