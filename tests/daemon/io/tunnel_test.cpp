#include "daemon/io/splice.h"
#include "tests/daemon/io/plain_rig.h"
#include "tests/support/heap.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>

namespace agp::io {
namespace {

using namespace testing_rig;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(Pipe, MovesOctetsBetweenTwoSockets) {
  int in[2];
  int out[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, in), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out), 0);
  const UniqueFd owners[] = {UniqueFd(in[0]), UniqueFd(in[1]), UniqueFd(out[0]), UniqueFd(out[1])};
  auto pipe = Pipe::make();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->fill_from(in[1]).kind, Pipe::Moved::Kind::none_now);
  ASSERT_TRUE(send_all(in[0], "abc"));
  EXPECT_EQ(pipe->fill_from(in[1]).octets, 3U);
  EXPECT_EQ(pipe->size(), 3U);
  EXPECT_EQ(pipe->empty_into(out[0]).octets, 3U);
  EXPECT_EQ(pipe->size(), 0U);
  EXPECT_EQ(receive(out[1], 3), "abc");
  ::shutdown(in[0], SHUT_WR);
  EXPECT_EQ(pipe->fill_from(in[1]).kind, Pipe::Moved::Kind::end);
}

TEST(PipePool, KeepsAFewEmptyPipesAndNoFullOnes) {
  PipePool pool;
  std::vector<Pipe> taken;
  for (std::size_t i = 0; i < PipePool::kMostIdle + 3; ++i) {
    auto pipe = pool.take();
    ASSERT_TRUE(pipe);
    taken.push_back(std::move(*pipe));
  }
  for (auto& pipe : taken) {
    pool.give(std::move(pipe));
  }
  EXPECT_EQ(pool.idle(), PipePool::kMostIdle);
}

TEST(Tunnel, Carries64MiBBothWaysAtOnceUnchanged) {
  PlainRig rig;
  auto tunnel = rig.tunnel();
  const std::string down = pattern(64U << 20U);
  const std::string up = pattern((64U << 20U) + 17);
  auto sending = std::async(std::launch::async, [&] { return send_all(tunnel.client.get(), up); });
  auto serving =
      std::async(std::launch::async, [&] { return send_all(tunnel.upstream.get(), down); });
  auto arriving =
      std::async(std::launch::async, [&] { return receive(tunnel.upstream.get(), up.size()); });
  EXPECT_TRUE(receive(tunnel.client.get(), down.size()) == down);
  EXPECT_TRUE(arriving.get() == up);
  EXPECT_TRUE(sending.get());
  EXPECT_TRUE(serving.get());
  EXPECT_GE(rig.counters.bytes_spliced.load(), down.size() + up.size());
  EXPECT_GE(rig.counters.bytes_to_client.load(), down.size());
}

TEST(Tunnel, AHalfCloseReachesTheOtherSideAndTheAnswerStillComesBack) {
  PlainRig rig;
  auto tunnel = rig.tunnel();
  ASSERT_TRUE(send_all(tunnel.client.get(), "question"));
  ::shutdown(tunnel.client.get(), SHUT_WR);
  EXPECT_EQ(receive(tunnel.upstream.get(), 100), "question");
  ASSERT_TRUE(send_all(tunnel.upstream.get(), "late answer"));
  tunnel.upstream.reset();
  EXPECT_EQ(receive(tunnel.client.get(), 100), "late answer");
}

TEST(Tunnel, AResetIsAResetForTheOtherSide) {
  PlainRig rig;
  auto tunnel = rig.tunnel();
  const linger hard{1, 0};
  ::setsockopt(tunnel.upstream.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  tunnel.upstream.reset();
  EXPECT_EQ(how_it_ends(tunnel.client.get()), ECONNRESET);
}

TEST(Tunnel, ASlowReceiverStopsTheReadsAndLosesNothing) {
  PlainRig rig;
  auto tunnel = rig.tunnel();
  const std::string down = pattern(32U << 20U);
  std::atomic<bool> is_written{false};
  std::thread serving([&] {
    EXPECT_TRUE(send_all(tunnel.upstream.get(), down));
    is_written = true;
  });
  std::string got = receive(tunnel.client.get(), 1024);
  EXPECT_FALSE(is_written);  // nothing between the two keeps 32 MiB
  got += receive(tunnel.client.get(), down.size() - got.size());
  serving.join();
  EXPECT_TRUE(got == down);
}

// threat-model 67
TEST(Tunnel, IdleTunnelsHoldNoPipe) {
  PlainRig rig;
  const auto before = open_descriptors();
  std::vector<PlainRig::Tunnel> tunnels;
  constexpr std::size_t kTunnels = 20;
  for (std::size_t i = 0; i < kTunnels; ++i) {
    tunnels.push_back(rig.tunnel());
    ASSERT_TRUE(send_all(tunnels.back().client.get(), "ping"));
    ASSERT_EQ(receive(tunnels.back().upstream.get(), 4), "ping");
  }
  // Two sockets of ours and two of the test for each; the pool keeps what it keeps.
  EXPECT_LE(open_descriptors(), before + 4 * kTunnels + 2 * PipePool::kMostIdle);
}

/// One connection that ends in the middle of what both sides say, in the way that `how` chooses.
void end_in_the_middle(PlainRig::Tunnel tunnel, std::size_t how) {
  ASSERT_TRUE(send_all(tunnel.client.get(), "question"));
  ASSERT_TRUE(send_all(tunnel.upstream.get(), "half an ans"));
  auto& leaving = how % 2 == 0 ? tunnel.client : tunnel.upstream;
  auto& staying = how % 2 == 0 ? tunnel.upstream : tunnel.client;
  if (how % 3 == 0) {  // a FIN first, and the rest of the answer behind it
    ::shutdown(leaving.get(), SHUT_WR);
    EXPECT_EQ(how_it_ends(staying.get()), 0);
    ASSERT_TRUE(send_all(staying.get(), "wer"));
  } else if (how % 3 == 1) {
    const linger hard{1, 0};
    ::setsockopt(leaving.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  leaving.reset();
  // What was still under way to the one that left may turn its FIN into a reset.
  (void)how_it_ends(staying.get());
}

/// Both ends are gone; the relay learns of the second one in its own time.
bool comes_to_rest(const PlainRig& rig) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (rig.counters.open != 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  return rig.counters.open == 0;
}

/// `scripts/test --long`
bool is_long_run() {
  const char* asked = std::getenv("AGP_LONG");
  return asked != nullptr && *asked != '\0';
}

// threat-model 67
TEST(Tunnel, ThousandsOfEndsInTheMiddleLeaveNeitherDescriptorsNorMemory) {
  PlainRig rig;
  constexpr std::size_t kBefore = 600;
  const std::size_t cycles = is_long_run() ? 10'000 : 3'000;
  std::size_t descriptors = 0;
  std::size_t heap = 0;
  for (std::size_t i = 0; i < kBefore + cycles; ++i) {
    if (i == kBefore) {  // by now every pool has what it keeps
      ASSERT_TRUE(comes_to_rest(rig));
      descriptors = open_descriptors();
      heap = test::heap_in_use();
    }
    ASSERT_NO_FATAL_FAILURE(end_in_the_middle(rig.tunnel(), i)) << i;
  }
  ASSERT_TRUE(comes_to_rest(rig));
  // Pipes of the pool, two descriptors each, and the sockets of the connection that ended last.
  EXPECT_LE(open_descriptors(), descriptors + 2 * PipePool::kMostIdle + 2);
  // One allocation of the smallest size, kept by each connection, would be 16 octets for each.
  EXPECT_LT(test::heap_in_use(), heap + 12 * cycles);
}

TEST(Drain, ATunnelThatIsQuietEndsAndALiveOneGoesOn) {
  Options options;
  options.settings.drain_quiet = 300ms;
  PlainRig rig(options);
  auto quiet = rig.tunnel();
  auto live = rig.tunnel();
  std::promise<void> emptied;
  rig.workers[0]->drain([&] { emptied.set_value(); });
  std::atomic<bool> is_done{false};
  std::thread talking([&] {
    while (!is_done) {
      ASSERT_TRUE(send_all(live.upstream.get(), "."));
      ASSERT_EQ(receive(live.client.get(), 1), ".");
    }
  });
  EXPECT_EQ(how_it_ends(quiet.client.get()), 0);
  is_done = true;
  talking.join();
  ASSERT_TRUE(send_all(live.upstream.get(), "last"));
  EXPECT_EQ(receive(live.client.get(), 4), "last");
  live.client.reset();
  live.upstream.reset();
  EXPECT_EQ(emptied.get_future().wait_for(20s), std::future_status::ready);
}

TEST(Drain, WhoComesMeanwhileIsServedAndWaitedForByTheNextOne) {
  Options options;
  options.settings.drain_quiet = 1h;
  std::promise<void> old_ended;
  std::promise<void> young_ended;
  PlainRig rig(options);
  auto old = rig.tunnel();
  rig.workers[0]->drain([&] { old_ended.set_value(); });
  auto young = rig.tunnel();
  old.client.reset();
  old.upstream.reset();
  EXPECT_EQ(old_ended.get_future().wait_for(20s), std::future_status::ready);
  ASSERT_TRUE(send_all(young.upstream.get(), "served"));
  EXPECT_EQ(receive(young.client.get(), 6), "served");
  rig.workers[0]->drain([&] { young_ended.set_value(); });
  auto ended = young_ended.get_future();
  EXPECT_EQ(ended.wait_for(100ms), std::future_status::timeout);
  rig.workers[0]->end_drained();
  EXPECT_EQ(ended.wait_for(20s), std::future_status::ready);
}

}  // namespace
}  // namespace agp::io
