#include "cli/monitor_host.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace agp::cli {
namespace {

using Pipe = std::array<int, 2>;

// The host takes signals of its process, so each of these is one.
class MonitorHostDeathTest : public ::testing::Test {
 protected:
  MonitorHostDeathTest() {
    std::string name = ::testing::TempDir() + "agp-monitor-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
  }
  ~MonitorHostDeathTest() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string socket() const { return (folder_ / "s").string(); }

  std::filesystem::path folder_;
  UniqueFd listener_;
};

TEST_F(MonitorHostDeathTest, ReadsUntilTheOtherSideEnds) {
  EXPECT_EXIT(
      {
        SystemMonitorHost host(socket());
        const bool asked = host.ask("question");
        UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
        const bool sent = ::write(peer.get(), "answer", 6) == 6;
        const auto read = host.read();
        peer.reset();
        ::_exit(asked && sent && read == "answer" && !host.read() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(MonitorHostDeathTest, ASignalEndsIt) {
  EXPECT_EXIT(
      {
        SystemMonitorHost host(socket());
        const bool asked = host.ask("question");
        (void)::raise(SIGINT);
        ::_exit(asked && !host.read() && !host.wait() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(MonitorHostDeathTest, AReaderThatHasGoneIsNoSignal) {
  EXPECT_EXIT(
      {
        auto ends = Pipe();
        const bool made = ::pipe(ends.data()) == 0;
        (void)::close(ends[0]);
        SystemMonitorHost host(socket(), ends[1]);
        ::_exit(made && host.ask("question") && !host.write("x") ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(MonitorHostDeathTest, NobodyListensIsSaid) {
  EXPECT_EXIT(
      {
        SystemMonitorHost host(socket() + "-not");
        ::_exit(host.ask("question") ? 1 : 0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace agp::cli
