#include "daemon/ls/command_line.h"

#include <cstddef>

namespace agp::ls {
namespace {

/// What Go's strconv.ParseBool takes for true.
bool is_true(std::string_view text) {
  return text == "1" || text == "t" || text == "T" || text == "true" || text == "TRUE" ||
         text == "True";
}

bool ends_flags(std::string_view argument) {
  return argument == "--" || argument == "-";
}

/// What follows the name of this flag: empty, or "=" and a value; nothing for other arguments.
std::optional<std::string_view> after_name(std::string_view argument, std::string_view name) {
  if (!argument.starts_with('-')) {
    return std::nullopt;
  }
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  if (!argument.starts_with(name)) {
    return std::nullopt;
  }
  argument.remove_prefix(name.size());
  return argument.empty() || argument.starts_with('=') ? std::optional(argument) : std::nullopt;
}

}  // namespace

std::vector<std::string_view> split_arguments(std::string_view cmdline) {
  std::vector<std::string_view> arguments;
  while (!cmdline.empty()) {
    const auto end = cmdline.find('\0');
    arguments.push_back(cmdline.substr(0, end));
    cmdline.remove_prefix(end == std::string_view::npos ? cmdline.size() : end + 1);
  }
  return arguments;
}

std::optional<std::string_view> flag_value(const std::vector<std::string_view>& arguments,
                                           std::string_view name) {
  std::optional<std::string_view> found;
  for (std::size_t i = 1; i < arguments.size() && !ends_flags(arguments[i]); ++i) {
    const auto rest = after_name(arguments[i], name);
    if (rest && !rest->empty()) {
      found = rest->substr(1);
    } else if (rest && i + 1 < arguments.size()) {
      found = arguments[++i];
    }
  }
  return found;
}

bool flag_is_set(const std::vector<std::string_view>& arguments, std::string_view name) {
  bool is_set = false;
  for (std::size_t i = 1; i < arguments.size() && !ends_flags(arguments[i]); ++i) {
    if (const auto rest = after_name(arguments[i], name)) {
      is_set = rest->empty() || is_true(rest->substr(1));
    }
  }
  return is_set;
}

}  // namespace agp::ls
