#include "daemon/api/peer.h"

#include "common/base/unique_fd.h"

#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::api {
namespace {

struct Pair {
  UniqueFd accepted;
  UniqueFd client;
};

sockaddr_storage loopback(int family, socklen_t& size) {
  sockaddr_storage storage{};
  if (family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = in6addr_loopback;
    size = sizeof *v6;
  }
  return storage;
}

UniqueFd listener_on(int family, sockaddr_storage& address, socklen_t& size) {
  address = loopback(family, size);
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return fd;
}

Pair connected(int family) {
  sockaddr_storage address{};
  socklen_t size = 0;
  const auto listener = listener_on(family, address, size);
  Pair pair;
  pair.client.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(pair.client.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  pair.accepted.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(pair.accepted.is_open());
  return pair;
}

TEST(PeerUid, KnowsTheOwnerOfALoopbackConnection) {
  for (const int family : {AF_INET, AF_INET6}) {
    const auto pair = connected(family);
    const auto uid = peer_uid(pair.accepted.get());
    ASSERT_TRUE(uid) << uid.error().text();
    EXPECT_EQ(*uid, ::getuid());
  }
}

TEST(PeerUid, KnowsTheOwnerOfAUnixSocket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  const auto uid = peer_uid(one.get());
  ASSERT_TRUE(uid) << uid.error().text();
  EXPECT_EQ(*uid, ::getuid());
}

// The kernel says uid 0 for sockets without an owner: that must never become root's view.
TEST(PeerUid, APeerThatHasClosedIsUnknown) {
  for (const int family : {AF_INET, AF_INET6}) {
    auto pair = connected(family);
    pair.client.reset();
    EXPECT_FALSE(peer_uid(pair.accepted.get()));
  }
}

TEST(PeerUid, APeerThatHasOnlyFinishedSendingIsStillKnown) {
  const auto pair = connected(AF_INET);
  ASSERT_EQ(::shutdown(pair.client.get(), SHUT_WR), 0);
  const auto uid = peer_uid(pair.accepted.get());
  ASSERT_TRUE(uid) << uid.error().text();
  EXPECT_EQ(*uid, ::getuid());
}

// All users without a number in our user namespace look like this one.
TEST(PeerUid, TheUserOfNoNumberIsUnknown) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "needs root to become another user";
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;  // bound without a name: the kernel gives one
  socklen_t size = sizeof(sa_family_t);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  size = sizeof address;
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool good = ::setuid(65534) == 0;
    const int own = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool up = ::connect(own, reinterpret_cast<sockaddr*>(&address), size) == 0;
    std::_Exit(good && up ? 0 : 1);
  }
  const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_FALSE(peer_uid(accepted.get()));
}

// A child connects under another uid; its parent accepts.
TEST(PeerUid, TellsUsersApart) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "needs root to become another user";
  }
  for (const int family : {AF_INET, AF_INET6}) {
    sockaddr_storage address{};
    socklen_t size = 0;
    const auto listener = listener_on(family, address, size);
    int done[2];
    ASSERT_EQ(::pipe(done), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::socket(family, SOCK_STREAM, 0);
      char octet = 0;
      const bool good = ::setuid(12345) == 0;
      // The socket belongs to who made it, so it is made again as the other user.
      const int own = ::socket(family, SOCK_STREAM, 0);
      const bool up = ::connect(own, reinterpret_cast<sockaddr*>(&address), size) == 0;
      (void)::close(fd);
      (void)::close(done[1]);
      (void)!::read(done[0], &octet, 1);
      std::_Exit(good && up ? 0 : 1);
    }
    (void)::close(done[0]);
    const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const auto uid = peer_uid(accepted.get());
    (void)::close(done[1]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(uid) << uid.error().text();
    EXPECT_EQ(*uid, 12345U);
  }
}

// The service may open no netlink socket: systemd passes one, which outlives the process.
TEST(PeerUid, ThroughASocketOfSomebodyElsesWhatWasSaidBeforeIsNoAnswer) {
  UniqueFd passed(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  ASSERT_TRUE(passed.is_open());
  const int diagnosis = passed.get();
  ask_through(std::move(passed));
  const auto pair = connected(AF_INET);
  for (int i = 0; i < 3; ++i) {
    // A question of a process before us, whose answer nobody has read.
    nlmsghdr other{};
    other.nlmsg_len = sizeof other;
    other.nlmsg_type = NLMSG_DONE + 1;
    other.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    other.nlmsg_seq = static_cast<__u32>(i + 1);
    ASSERT_EQ(::send(diagnosis, &other, sizeof other, 0), ssize_t{sizeof other});
    const auto uid = peer_uid(pair.accepted.get());
    ASSERT_TRUE(uid) << uid.error().text();
    EXPECT_EQ(*uid, ::getuid());
  }
  ask_through(UniqueFd());
}

TEST(PeerUid, WhatIsNotASocketHasNoPeer) {
  EXPECT_FALSE(peer_uid(-1));
}

}  // namespace
}  // namespace agp::api
