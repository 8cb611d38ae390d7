#include "daemon/io/listen_fds.h"

#include "tests/daemon/io/passed_sockets.h"

#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace agp::io {
namespace {

using passed_sockets::passed;
using passed_sockets::port_of;

class ListenFds : public ::testing::Test {
 protected:
  UniqueFd api_ = std::move(*listen_on("127.0.0.1:0"));
  UniqueFd intercept_ = std::move(*listen_on("127.0.0.1:0"));
};

// threat-model 81
TEST_F(ListenFds, AreToldApartByTheirNamesInEitherOrder) {
  const auto is_right = [api = port_of(api_.get()), intercept = port_of(intercept_.get())] {
    const auto listeners = listeners_from_systemd();
    return listeners && listeners->api.size() == 1 && listeners->intercept.size() == 1 &&
                   port_of(listeners->api[0].get()) == api &&
                   port_of(listeners->intercept[0].get()) == intercept
               ? 0
               : 1;
  };
  EXPECT_EQ(passed({api_.get(), intercept_.get()}, "api:intercept", is_right), 0);
  EXPECT_EQ(passed({intercept_.get(), api_.get()}, "intercept:api", is_right), 0);
}

TEST_F(ListenFds, TheSocketOfTheDiagnosisIsOneOfItsProtocol) {
  const UniqueFd right(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const UniqueFd wrong(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const auto is_there = [] {
    const auto listeners = listeners_from_systemd();
    return listeners && listeners->diagnosis.is_open() ? 0 : 1;
  };
  EXPECT_EQ(passed({api_.get(), right.get()}, "api:diagnosis", is_there), 0);
  EXPECT_EQ(passed({api_.get(), wrong.get()}, "api:diagnosis", is_there), 1);
  EXPECT_EQ(passed({api_.get(), intercept_.get()}, "api:diagnosis", is_there), 1);
  EXPECT_EQ(passed({api_.get(), right.get()}, "diagnosis:api", is_there), 1);
}

// threat-model 81
TEST_F(ListenFds, OneThatIsUnknownOrNoListenerRefusesAll) {
  const auto is_refused = [] {
    return listeners_from_systemd() ? 1 : 0;
  };
  EXPECT_EQ(passed({api_.get(), intercept_.get()}, "api:other", is_refused), 0);
  EXPECT_EQ(passed({api_.get(), intercept_.get()}, "api", is_refused), 0)
      << "fewer names than sockets";
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(passed({api_.get(), file.get()}, "api:intercept", is_refused), 0);
  const UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(passed({api_.get(), datagrams.get()}, "api:intercept", is_refused), 0);
  const UniqueFd silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(passed({api_.get(), silent.get()}, "api:intercept", is_refused), 0)
      << "it does not listen";
}

TEST_F(ListenFds, OfAnotherProcessAreNotTaken) {
  const auto is_empty = [] {
    const auto listeners = listeners_from_systemd();
    return listeners && listeners->api.empty() && listeners->intercept.empty() ? 0 : 1;
  };
  EXPECT_EQ(passed({api_.get(), intercept_.get()}, "api:intercept", is_empty, 1), 0);
}

}  // namespace
}  // namespace agp::io
