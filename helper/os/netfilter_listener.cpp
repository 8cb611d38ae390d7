#include "helper/os/netfilter_listener.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace agp::os {
namespace {

constexpr int kMostAtOnce = 1024;

}  // namespace

Result<NetfilterListener> NetfilterListener::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (!socket.is_open()) {
    return errno_error("opening a netlink socket");
  }
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTABLES;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0 ||
      ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return errno_error("listening to changes of nftables");
  }
  return NetfilterListener(std::move(socket));
}

NetfilterListener::Heard NetfilterListener::take() {
  Heard heard = Heard::nothing;
  for (int i = 0; i < kMostAtOnce; ++i) {
    // A message that is longer than the buffer is cut off: that there was one is enough.
    std::array<char, 16> head{};
    const ssize_t n = ::recv(socket_.get(), head.data(), head.size(), 0);
    if (n >= 0) {
      heard = heard == Heard::overrun ? heard : Heard::change;
    } else if (errno == ENOBUFS) {
      heard = Heard::overrun;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return heard;
    } else if (errno != EINTR) {
      return Heard::broken;
    }
  }
  return heard;
}

bool is_iptables_announced() {
  for (const char* path : {"/usr/sbin/iptables-save", "/sbin/iptables-save"}) {
    std::array<char, PATH_MAX> real{};
    if (::realpath(path, real.data()) != nullptr) {
      return std::string_view(real.data()).ends_with("/xtables-nft-multi");
    }
  }
  return false;
}

}  // namespace agp::os
