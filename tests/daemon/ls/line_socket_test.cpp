#include "daemon/ls/line_socket.h"

#include "common/base/unique_fd.h"

#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace agp::ls {
namespace {

namespace errc = boost::system::errc;
using namespace std::chrono_literals;

class LineSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    here = UniqueFd(ends[0]);
    there = UniqueFd(ends[1]);
  }

  static auto soon() { return std::chrono::steady_clock::now() + 20s; }
  static auto now() { return std::chrono::steady_clock::now(); }

  UniqueFd here;
  UniqueFd there;
};

TEST_F(LineSocket, ALineArrivesInWhateverPieces) {
  for (const char* piece : {"one ", "li", "ne\nand what follows"}) {
    ASSERT_TRUE(send_line(there.get(), piece, soon()));
  }
  const auto line = receive_line(here.get(), 100, soon());
  ASSERT_TRUE(line);
  EXPECT_EQ(*line, "one line");
}

TEST_F(LineSocket, ALineLargerThanTheSocketTakesIsSentWhole) {
  const std::string large(4 * 1024 * 1024, 'x');
  std::thread peer([&] { EXPECT_TRUE(send_line(there.get(), large + "\n", soon())); });
  const auto line = receive_line(here.get(), large.size(), soon());
  peer.join();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), large.size());
}

TEST_F(LineSocket, ALineOverTheLimitIsAnErrorBeforeItsEnd) {
  ASSERT_TRUE(send_line(there.get(), "12345", soon()));
  EXPECT_EQ(receive_line(here.get(), 4, soon()).error().code, errc::message_size);
}

TEST_F(LineSocket, APeerThatEndsEarlyIsAnError) {
  ASSERT_TRUE(send_line(there.get(), "half a li", soon()));
  there.reset();
  EXPECT_EQ(receive_line(here.get(), 100, soon()).error().code, errc::connection_reset);
  EXPECT_EQ(send_line(here.get(), "x\n", soon()).error().code, errc::broken_pipe)
      << "and no signal";
}

TEST_F(LineSocket, APeerThatSaysOrTakesNothingIsNotWaitedForLonger) {
  EXPECT_EQ(receive_line(here.get(), 100, now()).error().code, errc::timed_out);
  ASSERT_TRUE(send_line(there.get(), "half", soon()));
  EXPECT_EQ(receive_line(here.get(), 100, now() + 20ms).error().code, errc::timed_out);
  const std::string large(4 * 1024 * 1024, 'x');
  EXPECT_EQ(send_line(here.get(), large, now() + 20ms).error().code, errc::timed_out);
}

}  // namespace
}  // namespace agp::ls
