#include "daemon/app/readiness.h"

#include "common/base/unique_fd.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace agp::app {
namespace {

using namespace std::chrono_literals;

// The service manager's end of the notification socket.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    // The kernel chooses a name in the abstract space.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const std::string name(address.sun_path + 1, size - sizeof(sa_family_t) - 1);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  Manager(Manager&&) = delete;
  Manager& operator=(Manager&&) = delete;
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }

  std::vector<std::string> heard() {
    std::vector<std::string> messages;
    char text[4096];
    for (;;) {
      const auto got = ::recv(fd_.get(), text, sizeof text, 0);
      if (got <= 0) {
        return messages;
      }
      messages.emplace_back(text, static_cast<std::size_t>(got));
    }
  }

 private:
  UniqueFd fd_;
};

using Messages = std::vector<std::string>;

TEST(Readiness, ShowsEachNewStateOnceAndLastTheStop) {
  Manager manager;
  boost::asio::io_context context;
  Readiness readiness(&context, "/nowhere");
  readiness.show("waiting for the IDE");
  readiness.tell();
  readiness.tell();
  readiness.show("waiting for the IDE");
  readiness.show("capturing");
  EXPECT_EQ(manager.heard(),
            (Messages{"STATUS=waiting for the IDE", "READY=1", "STATUS=capturing"}));
  readiness.tell_stopping(90s, "stopping");
  readiness.stop();
  readiness.show("capturing still");
  EXPECT_EQ(manager.heard(),
            (Messages{"STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=stopping"}));
}

TEST(Readiness, IsToldAfterTheLimitAndNotWhenItStops) {
  Manager manager;
  boost::asio::io_context context;
  Readiness late(&context, "/nowhere");
  late.tell_within(1ms);
  context.run();
  EXPECT_EQ(manager.heard(), Messages{"READY=1"});
  Readiness stopped(&context, "/nowhere");
  stopped.tell_within(1ms);
  stopped.stop();
  context.restart();
  context.run();
  EXPECT_EQ(manager.heard(), Messages{});
}

}  // namespace
}  // namespace agp::app
