#include "daemon/ls/listeners.h"

#include "daemon/ls/words.h"

namespace agp::ls {
namespace {

constexpr std::string_view kListen = "0A";

/// As little-endian machines write 0.0.0.0, 127.0.0.1, ::, ::1, and ::ffff:127.0.0.1.
bool is_local(std::string_view address) {
  return address == "00000000" || address == "0100007F" ||
         address == "00000000000000000000000000000000" ||
         address == "00000000000000000000000001000000" ||
         address == "0000000000000000FFFF00000100007F";
}

}  // namespace

bool listens(std::string_view table, std::uint16_t port, uid_t uid) {
  while (!table.empty()) {
    const auto end = table.find('\n');
    const std::string_view line = table.substr(0, end);
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
    // "0: 0100007F:8C93 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 123"
    const std::string_view local = word(line, 1);
    const auto colon = local.find(':');
    if (colon != std::string_view::npos && word(line, 3) == kListen &&
        to_number<std::uint16_t>(local.substr(colon + 1), 16) == port &&
        is_local(local.substr(0, colon)) && to_number<uid_t>(word(line, 7)) == uid) {
      return true;
    }
  }
  return false;
}

}  // namespace agp::ls
