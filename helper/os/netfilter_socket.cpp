#include "helper/os/netfilter_socket.h"

#include "helper/core/errc.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

namespace agp::os {
namespace {

// A rule takes less than 1 KiB, a scope some ten rules.
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::size_t kMaxMessageBytes = 8 * 1024;
constexpr std::size_t kAnswerBytes = 64 * 1024;
// The rule set of the machine changed under a dump.
constexpr int kDumpAttempts = 5;
// The kernel answers before send() returns; this is for a kernel that does not.
constexpr timeval kPatience{5, 0};

Error failed(int number, const char* what) {
  return {core::Errc::firewall, std::string("nf_tables: ") + what + ": " + std::strerror(number)};
}

void put_header(nlmsghdr* header, std::uint8_t family, std::uint16_t resource) {
  auto* extra = static_cast<nfgenmsg*>(::mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  extra->nfgen_family = family;
  extra->version = NFNETLINK_V0;
  extra->res_id = htons(resource);
}

int error_of(const nlmsghdr* message) {
  const auto* error = static_cast<const nlmsgerr*>(::mnl_nlmsg_get_payload(message));
  return error->error;
}

}  // namespace

Result<NetfilterSocket> NetfilterSocket::open() {
  mnl_socket* raw = ::mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
  if (raw == nullptr) {
    return failed(errno, "no netlink socket");
  }
  NetfilterSocket socket(raw);
  if (::mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) < 0) {
    return failed(errno, "binding the netlink socket");
  }
  (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return socket;
}

Result<NetfilterSocket> NetfilterSocket::adopt(UniqueFd fd) {
  int protocol = -1;
  socklen_t size = sizeof protocol;
  int domain = -1;
  socklen_t domain_size = sizeof domain;
  const bool is_ours = ::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 &&
                       ::getsockopt(fd.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                       domain == AF_NETLINK && protocol == NETLINK_NETFILTER;
  mnl_socket* raw = is_ours ? ::mnl_socket_fdopen(fd.get()) : nullptr;
  if (raw == nullptr) {
    return Error(core::Errc::firewall, "the stored descriptor is no socket of nf_tables");
  }
  (void)fd.release();  // mnl's from here on
  return NetfilterSocket(raw);
}

int NetfilterSocket::fd() const {
  return ::mnl_socket_get_fd(socket_.get());
}

std::uint32_t NetfilterSocket::port() const {
  return ::mnl_socket_get_portid(socket_.get());
}

NetfilterSocket::Batch::Batch() : room_(std::make_unique<char[]>(kBatchBytes)) {
  frame(NFNL_MSG_BATCH_BEGIN);
}

void NetfilterSocket::Batch::frame(std::uint16_t type) {
  auto* header = ::mnl_nlmsg_put_header(room_.get() + used_);
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST;
  header->nlmsg_seq = sequence_++;
  put_header(header, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  used_ += NLMSG_ALIGN(header->nlmsg_len);
}

void NetfilterSocket::Batch::add(std::uint16_t type,
                                 std::uint16_t flags,
                                 const std::function<void(nlmsghdr*)>& fill) {
  // Two: the message and the end of the batch.
  if (is_full_ || used_ + 2 * kMaxMessageBytes > kBatchBytes) {
    is_full_ = true;
    return;
  }
  auto* header = ::mnl_nlmsg_put_header(room_.get() + used_);
  header->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | type);
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header->nlmsg_seq = sequence_++;
  put_header(header, NFPROTO_INET, 0);
  if (fill) {
    fill(header);
  }
  used_ += NLMSG_ALIGN(header->nlmsg_len);
  last_ = header;
}

Result<> NetfilterSocket::commit(Batch batch) {
  if (batch.is_full_) {
    return Error(core::Errc::firewall, "nf_tables: too many rules for one transaction");
  }
  // Its answer comes after the transaction; a failure of any message is reported instead.
  batch.last_->nlmsg_flags = static_cast<std::uint16_t>(batch.last_->nlmsg_flags | NLM_F_ACK);
  const std::uint32_t last = batch.last_->nlmsg_seq;
  batch.frame(NFNL_MSG_BATCH_END);
  if (::mnl_socket_sendto(socket_.get(), batch.room_.get(), batch.used_) < 0) {
    return failed(errno, "sending a transaction");
  }
  std::vector<char> answer(kAnswerBytes);
  std::optional<int> outcome;
  // Everything is queued by now: drained, so that the next transaction reads its own answers.
  for (bool waits = true;; waits = false) {
    const auto size = ::recv(fd(), answer.data(), answer.size(), waits ? 0 : MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      break;
    }
    int left = static_cast<int>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
         ::mnl_nlmsg_ok(message, left); message = ::mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type != NLMSG_ERROR) {
        continue;
      }
      const int code = error_of(message);
      if (code != 0 && (!outcome || *outcome == 0)) {
        outcome = -code;
      } else if (!outcome && message->nlmsg_seq == last) {
        outcome = 0;
      }
    }
  }
  if (!outcome) {
    return Error(core::Errc::firewall, "nf_tables: the kernel did not answer a transaction");
  }
  if (*outcome != 0) {
    return failed(*outcome, "the kernel refused a transaction");
  }
  return {};
}

Result<> NetfilterSocket::dump(std::uint16_t type,
                               const std::function<void(const nlmsghdr*)>& on_message) {
  std::vector<char> room(kAnswerBytes);
  std::vector<std::vector<char>> answers;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    answers.clear();
    auto* header = ::mnl_nlmsg_put_header(room.data());
    header->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | type);
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = 1;
    put_header(header, NFPROTO_INET, 0);
    if (::mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0) {
      return failed(errno, "asking for a dump");
    }
    bool is_done = false;
    bool is_torn = false;
    while (!is_done) {
      const auto size = ::mnl_socket_recvfrom(socket_.get(), room.data(), room.size());
      if (size < 0 && errno == EINTR) {
        continue;
      }
      if (size <= 0) {
        return failed(errno, "reading a dump");
      }
      int left = static_cast<int>(size);
      for (const auto* message = reinterpret_cast<const nlmsghdr*>(room.data());
           ::mnl_nlmsg_ok(message, left); message = ::mnl_nlmsg_next(message, &left)) {
        is_torn = is_torn || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message->nlmsg_type == NLMSG_ERROR) {
          return failed(-error_of(message), "the kernel refused a dump");
        }
        is_done = is_done || message->nlmsg_type == NLMSG_DONE;
      }
      answers.emplace_back(room.begin(), room.begin() + size);
    }
    if (!is_torn) {
      break;
    }
    if (attempt + 1 == kDumpAttempts) {
      return Error(core::Errc::firewall, "nf_tables: the rules change too fast to be read");
    }
  }
  for (const auto& answer : answers) {
    int left = static_cast<int>(answer.size());
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
         ::mnl_nlmsg_ok(message, left); message = ::mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
        on_message(message);
      }
    }
  }
  return {};
}

}  // namespace agp::os
