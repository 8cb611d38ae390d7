#include "helper/core/program_flags.h"

#include <algorithm>

namespace agp::core {
namespace {

constexpr std::size_t kMaxFlags = 2048;
constexpr std::size_t kMaxNameChars = 64;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/// The name of the flag that a line describes, empty when it describes none.
std::string_view flag_of(std::string_view line) {
  const auto start = line.find_first_not_of(' ');
  if (start == std::string_view::npos || line[start] != '-') {
    return {};  // a heading, or usage, which begins with a tab and may well mention flags
  }
  line.remove_prefix(start + 1);
  if (line.starts_with('-')) {
    line.remove_prefix(1);
  }
  const auto end = std::find_if_not(line.begin(), line.end(), is_name);
  const auto name = line.substr(0, static_cast<std::size_t>(end - line.begin()));
  // What follows the name: nothing, its type, its default, or usage in the same line.
  const bool is_whole = end == line.end() || *end == ' ' || *end == '\t' || *end == '=' ||
                        *end == ',' || *end == '\r';
  return !name.empty() && is_letter(name.front()) && is_whole && name.size() <= kMaxNameChars
             ? name
             : std::string_view();
}

}  // namespace

ProgramFlags ProgramFlags::read(std::string_view help) {
  help = help.substr(0, kMaxHelpBytes);
  std::set<std::string> names;
  while (!help.empty() && names.size() < kMaxFlags) {
    const auto end = help.find('\n');
    const auto name = flag_of(help.substr(0, end));
    if (!name.empty()) {
      names.emplace(name);
    }
    help.remove_prefix(end == std::string_view::npos ? help.size() : end + 1);
  }
  return ProgramFlags(std::move(names));
}

}  // namespace agp::core
