#include "cli/doctor/file_facts.h"

#include <fstream>
#include <sstream>

#include <sys/stat.h>

namespace agp::cli::doctor {
namespace {

constexpr mode_t kPermissions = 07777;

}  // namespace

std::string read_text(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

FileFacts look_at_file(const std::string& path) {
  FileFacts out;
  out.path = path;
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) == 0) {
    out.is_there = true;
    out.owner = seen.st_uid;
    out.mode = seen.st_mode & kPermissions;
  }
  return out;
}

}  // namespace agp::cli::doctor
