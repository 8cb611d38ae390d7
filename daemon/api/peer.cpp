#include "daemon/api/peer.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace agp::api {
namespace {

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_storage storage;
};

struct Question {
  nlmsghdr head;
  inet_diag_req_v2 body;
};

// The peer's socket is looked up by its own 4-tuple: our remote address is its local one.
Question question_for(const Address& local, const Address& remote) {
  Question ask{};
  ask.head.nlmsg_len = sizeof ask;
  ask.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.head.nlmsg_flags = NLM_F_REQUEST;
  ask.body.sdiag_family = static_cast<__u8>(local.any.sa_family);
  ask.body.sdiag_protocol = IPPROTO_TCP;
  ask.body.idiag_states = ~0U;
  auto& id = ask.body.id;
  if (local.any.sa_family == AF_INET) {
    id.idiag_sport = remote.v4.sin_port;
    id.idiag_dport = local.v4.sin_port;
    std::memcpy(id.idiag_src, &remote.v4.sin_addr, sizeof remote.v4.sin_addr);
    std::memcpy(id.idiag_dst, &local.v4.sin_addr, sizeof local.v4.sin_addr);
  } else {
    id.idiag_sport = remote.v6.sin6_port;
    id.idiag_dport = local.v6.sin6_port;
    std::memcpy(id.idiag_src, &remote.v6.sin6_addr, sizeof remote.v6.sin6_addr);
    std::memcpy(id.idiag_dst, &local.v6.sin6_addr, sizeof local.v6.sin6_addr);
  }
  id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return ask;
}

// The kernel answers uid 0 for a socket in TIME_WAIT and for one that its process has closed
// already (both without inode), and falls back to a listener on the same port: none of these is
// the caller. Source: linux/net/ipv4/inet_diag.c, inet_sk_diag_fill and inet_twsk_diag_fill.
bool is_the_peer(const inet_diag_msg& found, const inet_diag_sockid& asked) {
  return found.idiag_inode != 0 && found.idiag_state != TCP_LISTEN &&
         found.idiag_state != TCP_TIME_WAIT && found.id.idiag_sport == asked.idiag_sport &&
         found.id.idiag_dport == asked.idiag_dport;
}

/// The socket that ask_through() got. Its queue is shared with whoever passed it and outlives this
/// process, so that what is in there may be an answer to somebody before us.
struct Shared {
  std::mutex one_at_a_time;
  UniqueFd socket;
  std::uint32_t sequence = 0;
};

Shared& shared() {
  static Shared all;
  return all;
}

Result<UniqueFd> open_diagnosis() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd.is_open()) {
    return errno_error("open socket diagnosis");
  }
  return fd;
}

Result<std::uint32_t> read_answer(const char* buffer, std::size_t size, const Question& question) {
  const auto* head = reinterpret_cast<const nlmsghdr*>(buffer);
  if (!NLMSG_OK(head, size) || head->nlmsg_seq != question.head.nlmsg_seq) {
    return errno_error(EBADMSG, "read the peer's socket");
  }
  if (head->nlmsg_type == NLMSG_ERROR) {
    if (head->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) {
      return errno_error(EBADMSG, "read the peer's socket");
    }
    const auto* failure = static_cast<const nlmsgerr*>(NLMSG_DATA(head));
    return errno_error(failure->error == 0 ? EBADMSG : -failure->error, "find the peer's socket");
  }
  if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
      head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) {
    return errno_error(EBADMSG, "read the peer's socket");
  }
  const auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(head));
  if (!is_the_peer(*found, question.body.id)) {
    return errno_error(ENOTCONN, "the peer has closed its socket");
  }
  return found->idiag_uid;
}

/// Single lookups are answered within send(), so nothing here waits.
Result<std::uint32_t> ask_over(int fd, const Question& question) {
  alignas(nlmsghdr) char buffer[8192];
  while (::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) >= 0) {
    // What is there before we ask is no answer to us.
  }
  if (::send(fd, &question, sizeof question, 0) < 0) {
    return errno_error("ask for the peer's socket");
  }
  const auto size = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (size < 0) {
    return errno_error("read the peer's socket");
  }
  return read_answer(buffer, static_cast<std::size_t>(size), question);
}

Result<std::uint32_t> ask_kernel(Question question) {
  auto& passed = shared();
  if (passed.socket.is_open()) {
    const std::lock_guard turn(passed.one_at_a_time);
    question.head.nlmsg_seq = ++passed.sequence;
    return ask_over(passed.socket.get(), question);
  }
  const auto own = open_diagnosis();
  return own ? ask_over(own->get(), question) : own.error();
}

std::uint32_t read_overflow_uid() {
  std::uint32_t value = 65534;
  // The sandbox of the service hides the kernel's own file and has the service manager copy it.
  const char* copies = ::getenv("CREDENTIALS_DIRECTORY");
  const std::string copy = copies == nullptr ? "" : std::string(copies) + "/overflowuid";
  UniqueFd fd(::open(copy.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    fd = UniqueFd(::open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC));
  }
  char text[16] = {};
  const auto size = fd.is_open() ? ::read(fd.get(), text, sizeof text) : -1;
  if (size > 0) {
    (void)std::from_chars(text, text + size, value);  // what is no number leaves the usual one
  }
  return value;
}

Result<std::uint32_t> told(std::uint32_t uid) {
  if (uid == overflow_uid()) {
    return errno_error(EOVERFLOW, "the peer's user has no number of its own here");
  }
  return uid;
}

}  // namespace

void ask_through(UniqueFd diagnosis) {
  shared().socket = std::move(diagnosis);
}

std::uint32_t overflow_uid() {
  static const std::uint32_t kOverflow = read_overflow_uid();
  return kOverflow;
}

Result<std::uint32_t> peer_uid(int accepted) {
  Address local{};
  Address remote{};
  socklen_t local_size = sizeof local;
  socklen_t remote_size = sizeof remote;
  if (::getsockname(accepted, &local.any, &local_size) != 0) {
    return errno_error("own address");
  }
  if (local.any.sa_family == AF_UNIX) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      return errno_error("peer credentials");
    }
    return told(credentials.uid);
  }
  if (::getpeername(accepted, &remote.any, &remote_size) != 0) {
    return errno_error("peer address");
  }
  if (local.any.sa_family != AF_INET && local.any.sa_family != AF_INET6) {
    return errno_error(EAFNOSUPPORT, "peer address");
  }
  const auto uid = ask_kernel(question_for(local, remote));
  return uid ? told(*uid) : uid;
}

Result<std::uint32_t> owner_of_connection(const sockaddr* client, const sockaddr* destination) {
  if (client->sa_family != destination->sa_family ||
      (client->sa_family != AF_INET && client->sa_family != AF_INET6)) {
    return errno_error(EAFNOSUPPORT, "peer address");
  }
  const auto size = client->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  Address local{};
  Address remote{};
  std::memcpy(&local, destination, size);
  std::memcpy(&remote, client, size);
  return ask_kernel(question_for(local, remote));
}

}  // namespace agp::api
