#pragma once

#include "cli/doctor/sources.h"

#include <span>
#include <string_view>
#include <vector>

/// Who listens, from the kernel's tables of sockets.
namespace agp::cli::doctor {

struct ListeningSocket {
  Listener listener;  // without the program
  std::uint64_t inode = 0;
};

/// @param table  the text of /proc/net/tcp or /proc/net/tcp6.
/// @param ports  that are asked about.
[[nodiscard]] std::vector<ListeningSocket> listening_sockets(std::string_view table,
                                                             std::span<const std::uint16_t> ports);

/// Of this machine, on the ports of the service, with the programs that may be seen.
[[nodiscard]] std::vector<Listener> read_listeners();

}  // namespace agp::cli::doctor
