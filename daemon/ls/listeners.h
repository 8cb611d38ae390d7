#pragma once

#include <cstdint>
#include <string_view>

#include <sys/types.h>

namespace agp::ls {

/// Whether a user listens on a TCP port of the loopback, or of any address.
/// @param table  /proc/net/tcp or /proc/net/tcp6 as read. Source: proc_net_tcp in the kernel's
///               documentation; addresses are words in the machine's order.
[[nodiscard]] bool listens(std::string_view table, std::uint16_t port, uid_t uid);

}  // namespace agp::ls
