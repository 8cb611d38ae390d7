#include "cli/language_server_file.h"

#include "common/base/unique_fd.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <fcntl.h>

namespace agp::cli {
namespace {

// Source: debug/buildinfo of the Go tool chain; the first octets of section .go.buildinfo.
constexpr std::string_view kGoBuildInfo = "\xff Go buildinf:";
constexpr std::size_t kBlock = 1024 * 1024;
constexpr std::size_t kOverlap = 64;  // longer than anything that is looked for

// std::string::find is some ten times slower, and there is much to look through.
bool has(const std::string& window, std::string_view what) {
  return ::memmem(window.data(), window.size(), what.data(), what.size()) != nullptr;
}

}  // namespace

LanguageServerFile inspect_language_server(const std::string& path,
                                           const std::vector<std::string>& flags) {
  LanguageServerFile out;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    return out;
  }
  // Block by block: such a file has 150 MB and more.
  std::string window;
  std::vector<bool> seen(flags.size(), false);
  for (;;) {
    const auto kept = std::min(window.size(), kOverlap);
    window.erase(0, window.size() - kept);
    window.resize(kept + kBlock);
    const auto n = ::read(file.get(), window.data() + kept, kBlock);
    if (n <= 0) {
      out.is_readable = n == 0;
      break;
    }
    window.resize(kept + static_cast<std::size_t>(n));
    out.is_go = out.is_go || has(window, kGoBuildInfo);
    for (std::size_t i = 0; i < flags.size(); ++i) {
      seen[i] = seen[i] || has(window, flags[i]);
    }
  }
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (seen[i]) {
      out.flags.push_back(flags[i]);
    }
  }
  return out;
}

}  // namespace agp::cli
