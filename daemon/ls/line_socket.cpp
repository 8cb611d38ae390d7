#include "daemon/ls/line_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace agp::ls {
namespace {

using Clock = std::chrono::steady_clock;

/// Waits until the socket is ready for that, whatever its flags are.
Result<> await(int fd, short what, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd watched{fd, what, 0};
    const int ready =
        ::poll(&watched, 1, static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000)));
    if (ready > 0) {
      return {};
    }
    if (ready < 0 && errno != EINTR) {
      return errno_error("wait for the peer");
    }
    if (ready == 0 && Clock::now() >= until) {
      return errno_error(ETIMEDOUT, "wait for the peer");
    }
  }
}

bool is_passing(int error) {
  return error == EINTR || error == EAGAIN;
}

}  // namespace

Result<> send_line(int fd, std::string_view line, Clock::time_point until) {
  while (!line.empty()) {
    if (auto ready = await(fd, POLLOUT, until); !ready) {
      return ready;
    }
    const auto n = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && !is_passing(errno)) {
      return errno_error("send a line");
    }
    line.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  return {};
}

Result<std::string> receive_line(int fd, std::size_t limit, Clock::time_point until) {
  std::string line;
  std::array<char, 16384> part{};
  for (;;) {
    if (auto ready = await(fd, POLLIN, until); !ready) {
      return ready.error();
    }
    const auto n = ::recv(fd, part.data(), part.size(), MSG_DONTWAIT);
    if (n < 0 && is_passing(errno)) {
      continue;
    }
    if (n < 0) {
      return errno_error("receive a line");
    }
    if (n == 0) {
      return errno_error(ECONNRESET, "receive a line");
    }
    const std::string_view came(part.data(), static_cast<std::size_t>(n));
    const auto end = came.find('\n');
    line += came.substr(0, end);
    if (line.size() > limit) {
      return errno_error(EMSGSIZE, "receive a line");
    }
    if (end != std::string_view::npos) {
      return line;
    }
  }
}

}  // namespace agp::ls
