#include "cli/doctor/reach.h"

#include "common/base/unique_fd.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace agp::cli::doctor {
namespace {

using Stage = Reach::Stage;

/// A port of 127.0.0.1; closed unless it is listened on.
class Port {
 public:
  Port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), plain, size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), plain, &size), 0);
    number = ntohs(address.sin_port);
  }
  void listen() { EXPECT_EQ(::listen(socket_.get(), 4), 0); }
  [[nodiscard]] UniqueFd accept() {
    return UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  std::uint16_t number = 0;

 private:
  UniqueFd socket_;
};

Reach only(const Reaches& reaches) {
  EXPECT_EQ(reaches.problem, "");
  EXPECT_EQ(reaches.list.size(), 1U);
  return reaches.list.empty() ? Reach{} : reaches.list.front();
}

TEST(Reach, AClosedPortEndsAtTheConnection) {
  const Port port;
  const auto reach = only(try_to_reach({"127.0.0.1", port.number, {}, true, {}}));
  EXPECT_EQ(reach.family, "IPv4");
  EXPECT_EQ(reach.stage, Stage::connect);
  EXPECT_EQ(reach.problem, "Connection refused");
  EXPECT_EQ(reach.is_quic_refused, true);  // nobody has the UDP port either
}

TEST(Reach, WithoutCertificatesTheConnectionIsEnough) {
  Port port;
  port.listen();
  EXPECT_EQ(only(try_to_reach({"127.0.0.1", port.number, {}, false, {}})).stage, Stage::done);
}

TEST(Reach, AConnectionThatIsClosedEndsInTheHandshake) {
  Port port;
  port.listen();
  const std::string store = "/etc/ssl/certs/ca-certificates.crt";
  std::thread server([&] { (void)port.accept(); });
  const auto reach = only(try_to_reach({"127.0.0.1", port.number, {store}, false, {}}));
  server.join();
  EXPECT_EQ(reach.stage, Stage::handshake);
  EXPECT_NE(reach.problem, "");
}

TEST(Reach, FilesThatAreNoCertificatesAreNamed) {
  Port port;
  port.listen();
  const auto reach = only(try_to_reach({"127.0.0.1", port.number, {"/dev/null"}, false, {}}));
  EXPECT_EQ(reach.stage, Stage::handshake);
  EXPECT_NE(reach.problem.find("/dev/null"), std::string::npos) << reach.problem;
}

}  // namespace
}  // namespace agp::cli::doctor
