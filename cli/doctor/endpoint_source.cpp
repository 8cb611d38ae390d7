#include "cli/doctor/endpoint_source.h"

#include "common/base/unique_fd.h"
#include "helper/core/settings.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace agp::cli::doctor {
namespace {

constexpr timeval kStepLimit{3, 0};
constexpr const char* kSocketFile = "/run/antigravity-proxy/api.sock";

std::string system_problem(int error) {
  return error == EAGAIN || error == EINPROGRESS ? "no answer within 3 seconds"
                                                 : std::strerror(error);
}

int status_of(std::string_view head) {
  // HTTP/1.1 200 OK
  if (!head.starts_with("HTTP/1.") || head.size() < 12) {
    return 0;
  }
  int status = 0;
  for (const char digit : head.substr(9, 3)) {
    if (digit < '0' || digit > '9') {
      return 0;
    }
    status = 10 * status + (digit - '0');
  }
  return status;
}

template <class Address>
const sockaddr* plain(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Endpoint ask_endpoint(std::string name,
                      const sockaddr* address,
                      unsigned size,
                      const std::string& path) {
  Endpoint out;
  out.name = std::move(name);
  const UniqueFd socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    (void)::setsockopt(socket.get(), SOL_SOCKET, option, &kStepLimit, sizeof kStepLimit);
  }
  const auto request =
      "GET " + path + " HTTP/1.1\r\nHost: localhost:8741\r\nConnection: close\r\n\r\n";
  if (!socket.is_open() || ::connect(socket.get(), address, size) != 0 ||
      ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    out.problem = system_problem(errno);
    return out;
  }
  std::array<char, 256> head{};
  const auto count = ::recv(socket.get(), head.data(), head.size(), 0);
  if (count < 0) {
    out.problem = system_problem(errno);
    return out;
  }
  out.status = status_of(std::string_view(head.data(), static_cast<std::size_t>(count)));
  if (out.status == 0) {
    out.problem = "what answers is no HTTP server";
  }
  return out;
}

std::vector<Endpoint> ask_endpoints() {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(core::kApiPort);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(core::kApiPort);
  six.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  sockaddr_un file{};
  file.sun_family = AF_UNIX;
  std::strncpy(file.sun_path, kSocketFile, sizeof file.sun_path - 1);
  return {ask_endpoint("127.0.0.1:8741", plain(four), sizeof four, "/health"),
          ask_endpoint("[::1]:8741", plain(six), sizeof six, "/health"),
          ask_endpoint(kSocketFile, plain(file), sizeof file, "/health"),
          ask_endpoint("/metrics", plain(four), sizeof four, "/metrics")};
}

}  // namespace agp::cli::doctor
