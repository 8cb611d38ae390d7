#include "daemon/ls/log_pipe.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::ls {
namespace {

class LogPipeTest : public ::testing::Test {
 protected:
  void say(const std::string& text) {
    ASSERT_EQ(::write(writing.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  boost::asio::io_context io;
  int heard = 0;
  UniqueFd writing;
  std::unique_ptr<LogPipe> pipe = *LogPipe::open(
      io.get_executor(), ServerLog(), [this] { ++heard; }, &writing);
};

TEST_F(LogPipeTest, TellsOnceThatTheWriterListens) {
  say("listening on fixed port at 42100 for HTTPS\nmore\n");
  while (heard == 0) {
    io.run_one();
  }
  EXPECT_EQ(pipe->log().https_port(), 42100);
  say("listening on fixed port at 42103 for HTTPS\n");
  writing.reset();
  io.run();
  EXPECT_EQ(heard, 1);
}

TEST_F(LogPipeTest, IsEmptiedOnceTheWriterIsGone) {
  say("the last words\n");
  writing.reset();
  pipe->drain();
  EXPECT_EQ(pipe->log().last_lines(), std::vector<std::string>{"the last words"});
  pipe->drain();
  io.run();
}

TEST_F(LogPipeTest, LeavesNothingBehindWhenItsOwnerGoes) {
  say("listening on fixed port at 42100 for HTTPS\n");
  pipe.reset();
  io.run();
  EXPECT_EQ(heard, 0);
}

}  // namespace
}  // namespace agp::ls
