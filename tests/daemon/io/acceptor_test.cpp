#include "daemon/io/acceptor.h"

#include "tests/daemon/io/plain_rig.h"

#include <algorithm>
#include <climits>
#include <functional>

#include <poll.h>
#include <sys/resource.h>

namespace agp::io {
namespace {

using namespace testing_rig;

TEST(Acceptor, SpreadsAThousandConnectionsEvenly) {
  Options options;
  options.workers = 4;
  PlainRig rig(options);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(connect_to(rig.connect_port));
  }
  // The answer to a head says that a connection has been accepted.
  for (auto& client : clients) {
    ASSERT_TRUE(send_all(client.get(), rig.connect_head()));
  }
  for (auto& client : clients) {
    ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  }
  for (const auto& worker : rig.workers) {
    EXPECT_GE(worker->load(), 249U);
    EXPECT_LE(worker->load(), 251U);
  }
  EXPECT_EQ(rig.counters.accepted, 1000U);
}

bool is_readable(int fd, int milliseconds) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

// Every client says where it wants to go; those that are accepted get an answer.
std::vector<UniqueFd> crowd(const PlainRig& rig, int size) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < size; ++i) {
    clients.push_back(connect_to(rig.connect_port));
    EXPECT_TRUE(send_all(clients.back().get(), rig.connect_head()));
  }
  return clients;
}

// threat-model 58
// threat-model 83
TEST(Acceptor, AboveTheLimitConnectionsWaitInTheBacklogAndGetTheirTurn) {
  Options options;
  options.limits.max_connections = 5;
  PlainRig rig(options);
  auto clients = crowd(rig, 12);
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_NE(receive_head(clients[i].get()).find(" 200 "), std::string::npos);
  }
  EXPECT_EQ(rig.counters.accepted, 5U);
  for (std::size_t i = 5; i < clients.size(); ++i) {
    EXPECT_FALSE(is_readable(clients[i].get(), 0));
    clients[i - 5].reset();
    ASSERT_NE(receive_head(clients[i].get()).find(" 200 "), std::string::npos) << i;
  }
  EXPECT_GE(rig.counters.paused_for_connections, 1U);
}

// threat-model 83
TEST(Acceptor, PromisesNoMoreConnectionsThanThereAreDescriptors) {
  Options options;
  options.limits.descriptors = Acceptor::kReservedDescriptors + 6;
  PlainRig rig(options);
  auto clients = crowd(rig, 5);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_NE(receive_head(clients[i].get()).find(" 200 "), std::string::npos);
  }
  EXPECT_EQ(rig.counters.accepted, 3U);
  clients[0].reset();
  ASSERT_NE(receive_head(clients[3].get()).find(" 200 "), std::string::npos);
  EXPECT_GE(rig.counters.paused_for_descriptors, 1U);
}

// threat-model 83
TEST(Acceptor, SurvivesAProcessThatIsOutOfDescriptorsAndRecovers) {
  Options options;
  options.starts_accepting = false;
  PlainRig rig(options);
  auto clients = crowd(rig, 20);
  rig.start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (auto& client : clients) {
    ASSERT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  }
  const UniqueFd highest(::fcntl(clients[0].get(), F_DUPFD_CLOEXEC, 0));
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(highest.get()) + 12;  // room for twelve more, clients included
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  auto more = crowd(rig, 4);
  while (rig.counters.paused_for_descriptors == 0) {
    std::this_thread::yield();  // the test's own time limit ends this
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (auto& client : more) {
    EXPECT_NE(receive_head(client.get()).find(" 200 "), std::string::npos);
  }
  EXPECT_EQ(rig.counters.accepted, 24U);
}

/// The waits of an acceptor. Those that leave the listeners out are over at once, as though their
/// time had passed; the others return at once by themselves while the backlog has anybody.
struct Waits {
  std::atomic<std::uint64_t> for_clients{0};
  std::atomic<std::uint64_t> for_room{0};
  std::atomic<int> shortest_for_room{INT_MAX};

  int operator()(pollfd* fds, nfds_t count, int milliseconds) {
    if (count > 1) {
      ++for_clients;
      return ::poll(fds, count, milliseconds);
    }
    shortest_for_room = std::min(shortest_for_room.load(), milliseconds);
    ++for_room;
    return 0;
  }
};

// threat-model 83
TEST(Acceptor, APauseLooksForRoomAtItsPaceAndNotAtTheListeners) {
  Acceptor::Limits few_connections;
  few_connections.max_connections = 1;
  Acceptor::Limits few_descriptors;
  few_descriptors.descriptors =
      Acceptor::kReservedDescriptors + Acceptor::kDescriptorsPerConnection;
  for (const auto& limits : {few_connections, few_descriptors}) {
    Waits waits;
    Options options;
    options.limits = limits;
    options.wait = std::ref(waits);
    PlainRig rig(options);
    auto clients = crowd(rig, 3);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (i > 0) {
        clients[i - 1].reset();
      }
      ASSERT_NE(receive_head(clients[i].get()).find(" 200 "), std::string::npos);
      const auto before = waits.for_room.load();
      while (waits.for_room < before + 500 && waits.for_clients <= clients.size()) {
        std::this_thread::yield();  // the test's own time limit ends this
      }
    }
    EXPECT_EQ(waits.for_clients, clients.size());  // one for each, however long there was no room
    EXPECT_GE(waits.shortest_for_room, 10);
  }
}

TEST(Budget, WhatWaitsInAllIsCountedAndBounded) {
  constexpr std::size_t kTunnels = 24;
  constexpr std::uint64_t kLimit = 256U << 10U;
  Options options;
  options.disposition = Disposition::inspect;
  options.settings.max_buffered_bytes = kLimit;
  PlainRig rig(options);
  // Clients of the reverse mode that read nothing, and an upstream that sends without end.
  const auto server_side =
      testing::server_context(testing::make_certificate({.name = "localhost"}, &authority()));
  std::vector<UniqueFd> clients;
  std::vector<std::thread> serving;
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n";
  const std::string block = pattern(1U << 20U);
  for (std::size_t i = 0; i < kTunnels; ++i) {
    clients.push_back(connect_to(rig.reverse_port));
    ASSERT_TRUE(send_all(clients.back().get(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    serving.emplace_back([&, fd = accept_from(rig.upstream)] {
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(server_side.get()), SSL_free);
      SSL_set_fd(ssl.get(), fd.get());
      std::size_t size = 0;
      if (SSL_accept(ssl.get()) != 1 ||
          SSL_write_ex(ssl.get(), answer.data(), answer.size(), &size) != 1) {
        return;
      }
      while (SSL_write_ex(ssl.get(), block.data(), block.size(), &size) == 1) {
      }
    });
  }
  std::uint64_t most = 0;
  while (rig.counters.buffered_bytes < kLimit) {
    std::this_thread::yield();  // the test's own time limit ends this
  }
  // Above the limit a read takes a sixteenth of 64 KiB.
  for (int i = 0; i < 20'000; ++i) {
    most = std::max(most, rig.counters.buffered_bytes.load());
    std::this_thread::yield();
  }
  EXPECT_LE(most, kLimit + (64U << 10U) + kTunnels * (8U << 10U));
  rig.stop(0ms);
  for (auto& thread : serving) {
    thread.join();
  }
  EXPECT_EQ(rig.counters.buffered_bytes, 0U);
}

}  // namespace
}  // namespace agp::io
