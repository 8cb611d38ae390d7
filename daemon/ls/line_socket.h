#pragma once

#include "common/base/result.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

/// Lines over a stream socket, blocking and with an end: run it on a thread that may wait.
namespace agp::ls {

/// Sends it all. A peer that has gone is an error, never a signal.
/// @return std::errc::timed_out once `until` has passed.
[[nodiscard]] Result<> send_line(int fd,
                                 std::string_view line,
                                 std::chrono::steady_clock::time_point until);

/// @return the first line without its end; what follows it is not for anybody.
/// std::errc::timed_out once `until` has passed, message_size past the limit, connection_reset when
/// the peer ends before its line does.
[[nodiscard]] Result<std::string> receive_line(int fd,
                                               std::size_t limit,
                                               std::chrono::steady_clock::time_point until);

}  // namespace agp::ls
