#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/// A process that systemd has passed sockets to.
namespace agp::io::passed_sockets {

inline constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

inline std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

/// Runs `check` where systemd has passed these descriptors under these names: in a child, because
/// the numbers are fixed. @return its exit code, or -1.
inline int passed(const std::vector<int>& fds,
                  const std::string& names,
                  const std::function<int()>& check,
                  pid_t addressee = 0) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int count = static_cast<int>(fds.size());
    std::vector<int> high;
    high.reserve(fds.size());
    for (const int fd : fds) {
      high.push_back(::fcntl(fd, F_DUPFD, 100));
    }
    for (int i = 0; i < count; ++i) {
      ::dup2(high[static_cast<std::size_t>(i)], kFirst + i);
    }
    ::setenv("LISTEN_PID", std::to_string(addressee == 0 ? ::getpid() : addressee).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
    ::_exit(check());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace agp::io::passed_sockets
