#include "cli/monitor_host.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace agp::cli {
namespace {

constexpr int kPause = 1000;  // milliseconds between two tries

}  // namespace

SystemMonitorHost::SystemMonitorHost(std::string socket, int output)
    : path_(std::move(socket)), output_(output) {}

void SystemMonitorHost::take_signals() {
  (void)std::signal(SIGPIPE, SIG_IGN);  // write() says it
  sigset_t ends;
  (void)::sigemptyset(&ends);
  (void)::sigaddset(&ends, SIGINT);
  (void)::sigaddset(&ends, SIGTERM);
  (void)::sigprocmask(SIG_BLOCK, &ends, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &ends, SFD_CLOEXEC));
}

bool SystemMonitorHost::ask(const std::string& request) {
  if (!signals_.is_open()) {
    take_signals();
  }
  connection_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!connection_.is_open() || path_.size() >= sizeof address.sun_path) {
    return false;
  }
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  return ::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) == 0 &&
         ::send(connection_.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(request.size());
}

bool SystemMonitorHost::is_readable(int fd, int milliseconds) {
  pollfd wait[2] = {{signals_.get(), POLLIN, 0}, {fd, POLLIN, 0}};  // -1 is not looked at
  const int ready = ::poll(wait, 2, milliseconds);
  is_stopped_ = is_stopped_ || (wait[0].revents & POLLIN) != 0;
  return ready > 0 && !is_stopped_ && wait[1].revents != 0;
}

std::optional<std::string> SystemMonitorHost::read() {
  char space[16 * 1024];
  if (!is_readable(connection_.get(), -1)) {
    return std::nullopt;
  }
  const auto size = ::read(connection_.get(), space, sizeof space);
  return size <= 0 ? std::nullopt
                   : std::optional(std::string(space, static_cast<std::size_t>(size)));
}

bool SystemMonitorHost::write(std::string_view text) {
  while (!text.empty()) {
    const auto size = ::write(output_, text.data(), text.size());
    if (size < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(size < 0 ? 0 : static_cast<std::size_t>(size));
  }
  return true;
}

bool SystemMonitorHost::wait() {
  connection_.reset();
  (void)(is_stopped_ || is_readable(-1, kPause));  // it sets what counts
  return !is_stopped_;
}

}  // namespace agp::cli
