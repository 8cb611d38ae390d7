#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <cstdint>

#include <sys/socket.h>

/// Who is at the other end of an accepted connection, according to the kernel.
namespace agp::api {

/// Asks NETLINK_SOCK_DIAG through this socket of somebody else's, one question at a time, instead
/// of one of its own for each. For the whole process, once, before its threads start: the sandbox
/// of the service lets no netlink socket be opened.
void ask_through(UniqueFd diagnosis);

/// The uid that owns the peer's socket: SO_PEERCRED for a Unix socket, NETLINK_SOCK_DIAG for
/// loopback TCP (v4, v6 and v4-mapped). Asks the kernel and returns at once.
/// @return an error when the peer is not on this machine or has closed its socket, or when its user
/// has no number here (another user namespace, or the account nobody); such a caller is unknown,
/// never root.
[[nodiscard]] Result<std::uint32_t> peer_uid(int accepted);

/// What the kernel says of every user that it cannot name in our user namespace
/// (kernel.overflowuid): many look like one, and the account of that number (nobody) is shared by
/// design. It tells nobody apart.
[[nodiscard]] std::uint32_t overflow_uid();

/// The uid that owns the local TCP socket which is bound to `client` and connected to
/// `destination`, both of one family (sockaddr_in or sockaddr_in6). For a redirected connection
/// `destination` is the original one, which is what the client's own socket says.
[[nodiscard]] Result<std::uint32_t> owner_of_connection(const sockaddr* client,
                                                        const sockaddr* destination);

}  // namespace agp::api
