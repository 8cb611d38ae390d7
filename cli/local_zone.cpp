#include "cli/local_zone.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace agp::cli {
namespace {

constexpr std::string_view kDatabase = "/usr/share/zoneinfo/";

// "CET-1CEST" in TZ describes a zone and does not name one.
bool is_name(const std::string& name) {
  std::error_code ignored;
  return !name.empty() && name.front() != '/' && name.find("..") == std::string::npos &&
         std::filesystem::is_regular_file(std::string(kDatabase) + name, ignored);
}

std::string name_in(std::string_view path) {
  const auto at = path.find("zoneinfo/");
  return at == std::string_view::npos
             ? std::string()
             : std::string(path.substr(at + std::string_view("zoneinfo/").size()));
}

}  // namespace

std::string local_zone(const std::string& localtime) {
  if (const char* set = std::getenv("TZ"); set != nullptr && *set != '\0') {
    std::string_view text = set;
    if (text.front() == ':') {
      text.remove_prefix(1);
    }
    const auto name = text.starts_with('/') ? name_in(text) : std::string(text);
    return is_name(name) ? name : "UTC";
  }
  std::error_code error;
  const auto target = std::filesystem::read_symlink(localtime, error);
  const auto name = error ? std::string() : name_in(target.string());
  return is_name(name) ? name : "UTC";
}

}  // namespace agp::cli
