#include "daemon/io/listen_fds.h"

#include <cstdlib>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

namespace agp::io {
namespace {

namespace errc = boost::system::errc;
using boost::asio::ip::tcp;

constexpr int kBacklog = 4096;  // the kernel cuts it to net.core.somaxconn

struct NamesDeleter {
  void operator()(char** names) const {
    for (char** each = names; each != nullptr && *each != nullptr; ++each) {
      std::free(*each);
    }
    std::free(names);
  }
};

bool is_socket_diagnosis(int fd) {
  int protocol = -1;
  socklen_t size = sizeof protocol;
  return ::sd_is_socket(fd, AF_NETLINK, 0, /*listening=*/-1) > 0 &&
         ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol == NETLINK_SOCK_DIAG;
}

}  // namespace

Result<Listeners> listeners_from_systemd() {
  char** raw = nullptr;
  const int count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &raw);
  const std::unique_ptr<char*, NamesDeleter> names(raw);
  if (count < 0) {
    return errno_error(-count, "sockets from systemd");
  }
  Listeners made;
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(SD_LISTEN_FDS_START + i);
    const std::string_view name = raw[i];
    const bool is_diagnosis = name == "diagnosis";
    const bool is_right =
        is_diagnosis ? is_socket_diagnosis(fd.get())
                     : ::sd_is_socket(fd.get(), AF_UNSPEC, SOCK_STREAM, /*listening=*/1) > 0;
    if (!is_right) {
      return Error{make_error_code(errc::not_a_socket),
                   "socket from systemd: " + std::string(name)};
    }
    if (name == "intercept") {
      made.intercept.push_back(std::move(fd));
    } else if (name == "api") {
      made.api.push_back(std::move(fd));
    } else if (is_diagnosis) {
      made.diagnosis = std::move(fd);
    } else {
      return Error{make_error_code(errc::invalid_argument),
                   "socket from systemd with the unexpected name " + std::string(name)};
    }
  }
  return made;
}

Result<UniqueFd> listen_on(const std::string& address_and_port) {
  const auto colon = address_and_port.rfind(':');
  auto host = address_and_port.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host, ec);
  const auto port = colon == std::string::npos
                        ? 0L
                        : std::strtol(address_and_port.c_str() + colon + 1, nullptr, 10);
  if (ec || port < 0 || port > 65535) {
    return Error{make_error_code(errc::invalid_argument),
                 address_and_port + ": expected address:port"};
  }
  const tcp::endpoint endpoint(address, static_cast<unsigned short>(port));
  UniqueFd fd(
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) {
    return errno_error("listen on " + address_and_port);
  }
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.is_v6()) {
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return errno_error("listen on " + address_and_port);
  }
  return fd;
}

}  // namespace agp::io
