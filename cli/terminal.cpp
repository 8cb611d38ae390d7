#include "cli/terminal.h"

#include "cli/style.h"

#include <charconv>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

namespace agp::cli {

std::size_t columns_of(int fd, const char* set) {
  if (::isatty(fd) != 1) {
    return 0;
  }
  std::size_t columns = 0;
  if (set != nullptr) {
    const auto* end = set + std::strlen(set);
    if (std::from_chars(set, end, columns).ptr == end && columns > 0) {
      return columns;
    }
  }
  winsize size{};
  // Serial lines and some containers do not know their size.
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kScreen;
}

}  // namespace agp::cli
