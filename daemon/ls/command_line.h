#pragma once

#include <optional>
#include <string_view>
#include <vector>

/// Reading another program's arguments by the rules of Go's flag package. A core.
namespace agp::ls {

/// NUL separated arguments; empty ones are kept. The views borrow from `cmdline`.
[[nodiscard]] std::vector<std::string_view> split_arguments(std::string_view cmdline);

/// The value of a flag: one or two dashes, `--name=value` or `--name value`, the last one wins,
/// `--` and `-` end the flags. A word that is neither a flag nor the value of this one is skipped:
/// which other flags take a value is not known here.
/// @param arguments  the first one is the program.
[[nodiscard]] std::optional<std::string_view> flag_value(
    const std::vector<std::string_view>& arguments, std::string_view name);

/// The value of a boolean flag by the same rules: `--name`, `--name=true`, never a detached value.
[[nodiscard]] bool flag_is_set(const std::vector<std::string_view>& arguments,
                               std::string_view name);

}  // namespace agp::ls
