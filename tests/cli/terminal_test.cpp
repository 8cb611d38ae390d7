#include "cli/terminal.h"

#include "common/base/unique_fd.h"

#include <cstdlib>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace agp::cli {
namespace {

class Terminal : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(master_.is_open());
    ASSERT_EQ(::grantpt(master_.get()), 0);
    ASSERT_EQ(::unlockpt(master_.get()), 0);
    const char* name = ::ptsname(master_.get());
    ASSERT_NE(name, nullptr);
    terminal_ = UniqueFd(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(terminal_.is_open());
  }
  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;
    ASSERT_EQ(::ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);
  }

  UniqueFd master_{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  UniqueFd terminal_;
};

TEST_F(Terminal, HasTheColumnsThatItSays) {
  resize(60);
  EXPECT_EQ(columns_of(terminal_.get(), nullptr), 60U);
  resize(0);  // it does not know
  EXPECT_EQ(columns_of(terminal_.get(), nullptr), 80U);
}

TEST_F(Terminal, TheEnvironmentGoesFirst) {
  resize(100);
  EXPECT_EQ(columns_of(terminal_.get(), "60"), 60U);
  for (const char* wrong : {"", "0", "-1", "60x", "wide"}) {
    EXPECT_EQ(columns_of(terminal_.get(), wrong), 100U) << wrong;
  }
}

TEST_F(Terminal, APipeHasNone) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  EXPECT_EQ(columns_of(writer.get(), nullptr), 0U);
  EXPECT_EQ(columns_of(writer.get(), "60"), 0U);
}

}  // namespace
}  // namespace agp::cli
