// The rules in a network namespace of their own, with the real kernel and real connections: the
// same acceptance for each holder of the rules.
#include "helper/core/errc.h"
#include "helper/core/operations.h"
#include "helper/os/command.h"
#include "helper/os/iptables.h"
#include "helper/os/nft_codec.h"
#include "helper/os/owner_table.h"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::os {
namespace {

constexpr uid_t kServerUid = 61991;
constexpr uid_t kDaemonUid = 61992;
constexpr uid_t kOtherUid = 61993;
constexpr int kOriginalDestinationV6 = 80;  // IP6T_SO_ORIGINAL_DST

class FixedAccounts final : public core::AccountDatabase {
 public:
  core::Accounts look_up() override { return accounts; }
  core::Accounts accounts{kServerUid, kDaemonUid};
};

class NoUnits final : public core::UnitManager {
 public:
  Result<> start(const core::UnitSpec&) override { return {}; }
  Result<std::string> run(core::UnitSpec, const core::RunLimits&) override { return std::string(); }
  Result<> stop(const std::string&) override { return {}; }
  Result<std::vector<core::UnitState>> language_servers() override {
    ++asked;
    return std::vector<core::UnitState>();
  }
  std::vector<core::UnitExit> take_exits() override { return {}; }
  int asked = 0;  // to stop them all
};

class NoTrust final : public core::TrustStore {
 public:
  std::string bundle_path() const override { return "/none"; }
  Result<std::string> system_certificates() override { return std::string(); }
  Result<std::optional<std::string>> read_bundle() override { return std::optional<std::string>(); }
  Result<> write_bundle(std::string_view) override { return {}; }
  Result<bool> remove_bundle() override { return false; }
  Result<std::shared_ptr<void>> lock() override { return std::shared_ptr<void>(); }
};

class FailingV6 final : public core::Firewall {
 public:
  bool is_present(core::Family) override { return true; }
  Result<std::string> save(core::Family family, core::Table table) override {
    return real.save(family, table);
  }
  Result<> restore(core::Family family, const std::string& input) override {
    if (family == core::Family::ipv6) {
      return Error(core::Errc::firewall, "stub");
    }
    return real.restore(family, input);
  }
  Iptables real;
};

class WithoutV6 final : public core::Firewall {
 public:
  bool is_present(core::Family family) override { return family == core::Family::ipv4; }
  Result<std::string> save(core::Family family, core::Table table) override {
    return real.save(family, table);
  }
  Result<> restore(core::Family family, const std::string& input) override {
    return real.restore(family, input);
  }
  Iptables real;
};

/// The service manager: outlives the helper.
class KeptDescriptor final : public DescriptorStore {
 public:
  UniqueFd take() override {
    return UniqueFd(kept.is_open() ? ::fcntl(kept.get(), F_DUPFD_CLOEXEC, 0) : -1);
  }
  Result<> keep(int fd) override {
    kept.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return {};
  }
  void forget() override { kept.reset(); }
  UniqueFd kept;
};

using core::FirewallBackend;

/// A helper of one process.
struct Fixture {
  explicit Fixture(FirewallBackend backend,
                   core::Firewall* firewall = nullptr,
                   DescriptorStore* kept_by = nullptr)
      : table(kept_by != nullptr ? kept_by : &store),
        operations({firewall != nullptr ? firewall : &iptables, &trust, &accounts, nullptr, &units,
                    nullptr, [this] { return Result<core::Settings>(settings); },
                    [] { return std::int64_t{0}; }, nullptr, nullptr, nullptr, nullptr, nullptr,
                    &other, &table}) {
    settings.firewall = backend;
    settings.binaries.clear();
  }
  core::Settings settings;
  Iptables iptables;
  OtherIptables other;
  KeptDescriptor store;
  NftOwnerTable table;
  NoTrust trust;
  FixedAccounts accounts;
  NoUnits units;
  core::Operations operations;
};

std::string shell_free(const std::string& program, const std::vector<std::string>& arguments) {
  auto result = run_command(program, arguments, {});
  EXPECT_TRUE(result && result->exit_status == 0)
      << program << " " << (result ? result->diagnostics : result.error().text());
  return result ? result->output : std::string();
}

/// What iptables-save shows, without the comments that carry the time.
std::string all_rules() {
  std::string text;
  for (const char* program : {"/usr/sbin/iptables-save", "/usr/sbin/ip6tables-save"}) {
    for (const char* table : {"nat", "filter"}) {
      const auto saved = shell_free(program, {"-t", table});
      std::size_t at = 0;
      while (at < saved.size()) {
        const auto end = saved.find('\n', at);
        if (saved[at] != '#') {
          text += saved.substr(at, end - at + 1);
        }
        at = end + 1;
      }
    }
  }
  return text;
}

std::optional<nft::Shown> table_shown() {
  auto socket = NetfilterSocket::open();
  EXPECT_TRUE(socket) << socket.error().text();
  auto shown = nft::read_table(&*socket, std::string(core::nft::kTable));
  EXPECT_TRUE(shown) << shown.error().text();
  return shown ? *shown : std::nullopt;
}

/// Everything that both kinds of rules show, without what differs from run to run.
std::string everything() {
  std::string text = all_rules();
  if (const auto shown = table_shown()) {
    for (const auto& line : shown->chains) {
      text += "chain " + line + "\n";
    }
    for (const auto& line : shown->rules) {
      text += line + "\n";
    }
  }
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++n;
  }
  return n;
}

UniqueFd bound_to(int family, const char* address, std::uint16_t port, int type) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  const int one = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  int bound = -1;
  if (family == AF_INET) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    ::inet_pton(family, address, &at.sin_addr);
    bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  } else {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(port);
    ::inet_pton(family, address, &at.sin6_addr);
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  }
  EXPECT_EQ(bound, 0) << address << " " << std::strerror(errno);
  return fd;
}

UniqueFd listen_on(int family, const char* address, std::uint16_t port) {
  auto fd = bound_to(family, address, port, SOCK_STREAM);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

/// Connects as another user, in a child. @return 0 or errno.
/// @param cgroup directory that the child moves to first; empty: stays where it is.
/// @param sink   where a datagram arrives that is not rejected.
int connect_as(uid_t uid,
               int family,
               const char* address,
               std::uint16_t port,
               int type,
               const std::string& cgroup = {},
               int sink = -1) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!cgroup.empty()) {
      const int members = ::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
      if (::write(members, "0", 1) != 1) {
        ::_exit(255);
      }
      ::close(members);
    }
    int failed = ::setresuid(uid, uid, uid);
    const int fd = ::socket(family, type, 0);
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (family == AF_INET) {
      auto* at = reinterpret_cast<sockaddr_in*>(&storage);
      at->sin_family = AF_INET;
      at->sin_port = htons(port);
      ::inet_pton(family, address, &at->sin_addr);
      size = sizeof *at;
    } else {
      auto* at = reinterpret_cast<sockaddr_in6*>(&storage);
      at->sin6_family = AF_INET6;
      at->sin6_port = htons(port);
      ::inet_pton(family, address, &at->sin6_addr);
      size = sizeof *at;
    }
    failed = failed != 0 ? failed : ::connect(fd, reinterpret_cast<sockaddr*>(&storage), size);
    if (failed == 0 && type == SOCK_DGRAM) {
      // The rejection comes back as an error of the socket.
      failed = ::send(fd, "x", 1, 0) == 1 ? 0 : -1;
      if (failed == 0) {
        pollfd wait[] = {{fd, POLLIN, 0}, {sink, POLLIN, 0}};
        (void)::poll(wait, 2, 20'000);
        char byte = 0;
        failed = ::recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN ? -1 : 0;
      }
    }
    ::_exit(failed == 0 ? 0 : errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Whether a datagram of that user arrives at a port where somebody takes it.
/// @return nothing when it was neither rejected nor arrived.
std::optional<bool> datagram_arrives(uid_t uid,
                                     int family,
                                     const char* address,
                                     std::uint16_t port,
                                     const std::string& cgroup = {}) {
  const auto sink = bound_to(family, address, port, SOCK_DGRAM);
  const bool is_sent = connect_as(uid, family, address, port, SOCK_DGRAM, cgroup, sink.get()) == 0;
  char byte = 0;
  const bool is_there = ::recv(sink.get(), &byte, 1, MSG_DONTWAIT) == 1;
  return is_sent == is_there ? std::optional(is_there) : std::nullopt;
}

/// Connects to 203.0.113.1:443 as that user, from a port of its own choice. @return the errno
/// beside a socket that is not connected.
struct FromPort {
  FromPort(uid_t uid, std::uint16_t port) {
    (void)::seteuid(uid);  // what the rules see is who made the socket
    socket = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::seteuid(0), 0);
    const int one = 1;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    ::inet_pton(AF_INET, "203.0.113.1", &at.sin_addr);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0)
        << std::strerror(errno);
    at.sin_port = htons(443);
    failure = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? 0 : errno;
  }
  UniqueFd socket;
  int failure = 0;
};

/// Takes a connection and ends it with a reset, which the other side has seen on return.
void reset_one(const UniqueFd& listener, const UniqueFd& client) {
  const int taken = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
  const linger at_once{1, 0};
  (void)::setsockopt(taken, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(taken);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

bool has_connection(const UniqueFd& listener, sockaddr_storage* original = nullptr) {
  pollfd ready{listener.get(), POLLIN, 0};
  if (::poll(&ready, 1, 0) != 1) {
    return false;
  }
  const UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (original != nullptr) {
    socklen_t size = sizeof *original;
    if (::getsockopt(connection.get(), IPPROTO_IP, SO_ORIGINAL_DST, original, &size) != 0) {
      size = sizeof *original;
      (void)::getsockopt(connection.get(), IPPROTO_IPV6, kOriginalDestinationV6, original, &size);
    }
  }
  return connection.is_open();
}

class RedirectNet : public ::testing::TestWithParam<FirewallBackend> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/usr/sbin/iptables-restore", X_OK) != 0) {
      GTEST_SKIP() << "SKIPPED: needs root, iptables and network namespaces";
    }
    if (::unshare(CLONE_NEWNET) != 0) {
      GTEST_SKIP() << "SKIPPED: cannot make a network namespace: " << std::strerror(errno);
    }
    shell_free("/usr/sbin/ip", {"link", "set", "lo", "up"});
    // "The internet": addresses on a device of our own, reached through it.
    shell_free("/usr/sbin/ip", {"link", "add", "v0", "type", "veth", "peer", "name", "v1"});
    shell_free("/usr/sbin/ip", {"address", "add", "203.0.113.1/24", "dev", "v0"});
    shell_free("/usr/sbin/ip", {"address", "add", "2001:db8::1/64", "dev", "v0", "nodad"});
    shell_free("/usr/sbin/ip", {"link", "set", "v0", "up"});
    shell_free("/usr/sbin/ip", {"link", "set", "v1", "up"});
  }
};

/// For what only one of them has.
using RedirectByIptables = RedirectNet;
using RedirectByTable = RedirectNet;

std::string name_of(const ::testing::TestParamInfo<FirewallBackend>& info) {
  return core::to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Each,
                         RedirectNet,
                         ::testing::Values(FirewallBackend::iptables, FirewallBackend::nftables),
                         name_of);

// threat-model 29
TEST_P(RedirectNet, AppliesOnceHoweverOftenItIsAsked) {
  Fixture fixture(GetParam());
  auto first = fixture.operations.ensure_redirect();
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(*first);
  const auto rules = everything();
  auto second = fixture.operations.ensure_redirect();
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_FALSE(*second) << rules;
  EXPECT_EQ(everything(), rules);
  const bool is_table = GetParam() == FirewallBackend::nftables;
  EXPECT_EQ(count(rules, "-j AGP_"), is_table ? 0U : 6U);
  EXPECT_EQ(count(rules, "chain nat_output"), is_table ? 1U : 0U);
  EXPECT_EQ(fixture.operations.status().redirect_ipv4, "active");
  EXPECT_EQ(fixture.operations.status().firewall_backend, core::to_string(GetParam()));
}

// threat-model 29
TEST_P(RedirectNet, TwentyAtTheSameTimeLeaveOneOfEach) {
  std::vector<pid_t> children;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      Fixture fixture(GetParam());
      (void)fixture.operations.ensure_redirect();  // some may lose the race without a lock
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
  }
  Fixture fixture(GetParam());
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  const auto rules = everything();
  EXPECT_EQ(count(rules, "-j AGP_NAT") + 2 * count(rules, "chain nat_output"), 2U) << rules;
}

// threat-model 29
TEST_P(RedirectNet, RemovingLeavesForeignRulesAsTheyWere) {
  for (const char* program : {"/usr/sbin/iptables", "/usr/sbin/ip6tables"}) {
    shell_free(program, {"-A", "OUTPUT", "-p", "tcp", "--dport", "25", "-j", "REJECT"});
    shell_free(program, {"-t", "nat", "-N", "FOREIGN"});
    shell_free(program, {"-t", "nat", "-A", "OUTPUT", "-j", "FOREIGN"});
  }
  const auto before = everything();
  Fixture fixture(GetParam());
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  EXPECT_NE(everything(), before);
  if (GetParam() == FirewallBackend::iptables) {
    // Half of it is gone, the jump is there twice: still one call away from nothing.
    shell_free("/usr/sbin/iptables", {"-t", "nat", "-F", "AGP_NAT"});
    shell_free("/usr/sbin/ip6tables", {"-A", "OUTPUT", "-j", "AGP_FILTER"});
  } else {
    EXPECT_EQ(all_rules(), before);
  }
  auto removed = fixture.operations.remove_redirect();
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_TRUE(*removed);
  EXPECT_EQ(everything(), before);
  auto again = fixture.operations.remove_redirect();
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
  EXPECT_FALSE(fixture.store.kept.is_open());
}

TEST_F(RedirectByIptables, RepairsWhatIsHalfThere) {
  Fixture fixture(FirewallBackend::iptables);
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  const auto whole = all_rules();
  shell_free("/usr/sbin/iptables", {"-F", "AGP_GUARD"});
  shell_free("/usr/sbin/ip6tables", {"-t", "nat", "-F", "OUTPUT"});
  shell_free("/usr/sbin/iptables", {"-t", "nat", "-A", "OUTPUT", "-j", "AGP_NAT"});
  auto repaired = fixture.operations.ensure_redirect();
  ASSERT_TRUE(repaired) << repaired.error().text();
  EXPECT_TRUE(*repaired);
  EXPECT_EQ(all_rules(), whole);
}

// threat-model 31
TEST_F(RedirectByIptables, AFailingFamilyUndoesTheOther) {
  FailingV6 firewall;
  Fixture fixture(FirewallBackend::iptables, &firewall);
  auto done = fixture.operations.ensure_redirect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::firewall);
  EXPECT_EQ(count(all_rules(), "AGP_"), 0U);
}

TEST_P(RedirectNet, WhatTheOtherKindOfIptablesHoldsGoesFirst) {
  const char* other = Iptables().kind() == "nft" ? "legacy" : "nft";
  const std::string program = std::string("/usr/sbin/iptables-") + other;
  auto put = run_command(program + "-restore", {"--noflush"}, "*nat\n:AGP_NAT - [0:0]\nCOMMIT\n");
  if (!put || put->exit_status != 0) {
    GTEST_SKIP() << "SKIPPED: this kernel or system has no iptables of the kind " << other;
  }
  Fixture fixture(GetParam());
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(count(shell_free(program + "-save", {"-t", "nat"}), "AGP_"), 0U);
  EXPECT_EQ(fixture.units.asked, 1);
  EXPECT_EQ(fixture.operations.status().redirect_ipv4, "active");
}

TEST_P(RedirectNet, AKernelWithoutIpv6GetsRulesForIpv4) {
  WithoutV6 firewall;
  Fixture fixture(GetParam(), &firewall);
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(fixture.operations.status().redirect_ipv4, "active");
  EXPECT_EQ(fixture.operations.status().redirect_ipv6, "not_present");
  const auto intercept = listen_on(AF_INET, "127.0.0.1", 8742);
  EXPECT_EQ(connect_as(kServerUid, AF_INET, "203.0.113.1", 443, SOCK_STREAM), 0);
  EXPECT_TRUE(has_connection(intercept));
}

// threat-model 32
// threat-model 34
// threat-model 38
TEST_P(RedirectNet, OnlyTheLanguageServersTrafficIsRedirected) {
  Fixture fixture(GetParam());
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  struct Case {
    int family;
    const char* loopback;
    const char* outside;
  };
  for (const auto& c :
       {Case{AF_INET, "127.0.0.1", "203.0.113.1"}, Case{AF_INET6, "::1", "2001:db8::1"}}) {
    const auto intercept = listen_on(c.family, c.loopback, 8742);
    const auto upstream = listen_on(c.family, c.outside, 443);
    const auto api = listen_on(c.family, c.loopback, 8741);
    const auto server = listen_on(c.family, c.loopback, 42100);

    EXPECT_EQ(connect_as(kServerUid, c.family, c.outside, 443, SOCK_STREAM), 0);
    sockaddr_storage original{};
    EXPECT_TRUE(has_connection(intercept, &original));
    EXPECT_FALSE(has_connection(upstream));
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (c.family == AF_INET) {
      const auto* at = reinterpret_cast<sockaddr_in*>(&original);
      ::inet_ntop(AF_INET, &at->sin_addr, text.data(), text.size());
      EXPECT_EQ(ntohs(at->sin_port), 443);
    } else {
      const auto* at = reinterpret_cast<sockaddr_in6*>(&original);
      ::inet_ntop(AF_INET6, &at->sin6_addr, text.data(), text.size());
      EXPECT_EQ(ntohs(at->sin6_port), 443);
    }
    EXPECT_STREQ(text.data(), c.outside);

    for (const uid_t uid : {uid_t{0}, kDaemonUid, kOtherUid}) {
      EXPECT_EQ(connect_as(uid, c.family, c.outside, 443, SOCK_STREAM), 0) << uid;
      EXPECT_TRUE(has_connection(upstream)) << uid;
      EXPECT_FALSE(has_connection(intercept)) << uid;
    }
    // The intercept port is for redirected traffic only.
    for (const uid_t uid : {uid_t{0}, kServerUid, kDaemonUid, kOtherUid}) {
      EXPECT_EQ(connect_as(uid, c.family, c.loopback, 8742, SOCK_STREAM), ECONNREFUSED) << uid;
    }
    EXPECT_EQ(connect_as(kServerUid, c.family, c.loopback, 8741, SOCK_STREAM), ECONNREFUSED);
    EXPECT_EQ(connect_as(kOtherUid, c.family, c.loopback, 8741, SOCK_STREAM), 0);
    for (const uid_t uid : {uid_t{0}, kServerUid, kDaemonUid}) {
      EXPECT_EQ(connect_as(uid, c.family, c.loopback, 42100, SOCK_STREAM), 0) << uid;
    }
    EXPECT_EQ(connect_as(kOtherUid, c.family, c.loopback, 42100, SOCK_STREAM), ECONNREFUSED);
    EXPECT_EQ(datagram_arrives(kServerUid, c.family, c.outside, 443), false);
    EXPECT_EQ(datagram_arrives(kOtherUid, c.family, c.outside, 443), true);

    if (GetParam() == FirewallBackend::nftables) {
      continue;
    }
    // The nat rules are flushed by somebody: closed, not direct.
    const char* program = c.family == AF_INET ? "/usr/sbin/iptables" : "/usr/sbin/ip6tables";
    shell_free(program, {"-t", "nat", "-F", "OUTPUT"});
    EXPECT_EQ(connect_as(kServerUid, c.family, c.outside, 443, SOCK_STREAM), ECONNREFUSED);
  }
}

// After a reset from the far end connection tracking keeps what it did with the connection for ten
// seconds, and does the same for whoever opens one from the same port to the same address: for
// somebody else too. It must fail then, at neither place where it does not belong.
// threat-model 97
TEST_P(RedirectNet, APortThatWasSomebodyElsesBeforeAResetTakesNobodyToTheWrongPlace) {
  Fixture fixture(GetParam());
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  const auto intercept = listen_on(AF_INET, "127.0.0.1", 8742);
  const auto upstream = listen_on(AF_INET, "203.0.113.1", 443);
  {
    const FromPort server(kServerUid, 40001);
    ASSERT_EQ(server.failure, 0);
    reset_one(intercept, server.socket);
  }
  EXPECT_EQ(FromPort(kOtherUid, 40001).failure, ECONNREFUSED);
  EXPECT_FALSE(has_connection(intercept));
  EXPECT_FALSE(has_connection(upstream));
  EXPECT_EQ(FromPort(kOtherUid, 40003).failure, 0);
  EXPECT_TRUE(has_connection(upstream));
  {
    const FromPort other(kOtherUid, 40005);
    ASSERT_EQ(other.failure, 0);
    reset_one(upstream, other.socket);
  }
  EXPECT_EQ(FromPort(kServerUid, 40005).failure, ECONNREFUSED);
  EXPECT_FALSE(has_connection(intercept));
  EXPECT_FALSE(has_connection(upstream));
  EXPECT_EQ(FromPort(kServerUid, 40007).failure, 0);
  EXPECT_TRUE(has_connection(intercept));
}

// threat-model 37
TEST_P(RedirectNet, RefusesAccountsThatWouldCatchOthers) {
  Fixture fixture(GetParam());
  for (const auto& accounts :
       {core::Accounts{0, kDaemonUid}, core::Accounts{kDaemonUid, kDaemonUid},
        core::Accounts{std::nullopt, kDaemonUid}}) {
    fixture.accounts.accounts = accounts;
    auto done = fixture.operations.ensure_redirect();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, core::Errc::accounts);
  }
  EXPECT_EQ(count(all_rules(), "AGP_"), 0U);
  EXPECT_FALSE(table_shown());
}

/// By the plan alone: nobody asks for these over the bus of this test.
core::Redirector redirector(Fixture* fixture) {
  return core::Redirector({&fixture->iptables, nullptr, &fixture->table});
}

core::RedirectSpec spec_of_test() {
  core::RedirectSpec spec;
  spec.language_server = kServerUid;
  spec.daemon = kDaemonUid;
  return spec;
}

Result<> nobody_runs() {
  return {};
}

// threat-model 33
TEST_P(RedirectNet, StrictLeavesLoopbackAndTheResolvers) {
  Fixture fixture(GetParam());
  auto rules = redirector(&fixture);
  auto spec = spec_of_test();
  spec.egress = core::Egress::strict;
  spec.resolvers = {"203.0.113.1", "2001:db8::1"};
  shell_free("/usr/sbin/ip", {"address", "add", "203.0.113.2/24", "dev", "v0"});
  auto done = rules.ensure(GetParam(), spec, {}, nobody_runs);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(rules.verify(GetParam(), spec));
  for (const auto& [family, loopback, outside] : {std::tuple{AF_INET, "127.0.0.1", "203.0.113.1"},
                                                  std::tuple{AF_INET6, "::1", "2001:db8::1"}}) {
    const auto intercept = listen_on(family, loopback, 8742);
    const auto own = listen_on(family, loopback, 42100);
    const auto plain = listen_on(family, outside, 80);
    const auto resolver = listen_on(family, outside, 53);
    EXPECT_EQ(connect_as(kServerUid, family, outside, 443, SOCK_STREAM), 0);
    EXPECT_TRUE(has_connection(intercept));
    EXPECT_EQ(connect_as(kServerUid, family, loopback, 42100, SOCK_STREAM), 0);
    EXPECT_EQ(connect_as(kServerUid, family, outside, 53, SOCK_STREAM), 0);
    EXPECT_EQ(connect_as(kServerUid, family, outside, 80, SOCK_STREAM), ECONNREFUSED);
    EXPECT_EQ(datagram_arrives(kServerUid, family, outside, 123), false);
    EXPECT_EQ(datagram_arrives(kOtherUid, family, outside, 123), true);
    EXPECT_EQ(connect_as(kOtherUid, family, outside, 80, SOCK_STREAM), 0);
  }
  const auto other = listen_on(AF_INET, "203.0.113.2", 53);
  EXPECT_EQ(connect_as(kServerUid, AF_INET, "203.0.113.2", 53, SOCK_STREAM), ECONNREFUSED);
}

/// Where cgroups of version 2 are, if they are.
std::string cgroup_root() {
  for (const std::string root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (::access((root + "/cgroup.controllers").c_str(), F_OK) == 0) {
      return root;
    }
  }
  return {};
}

struct Cgroup {
  explicit Cgroup(std::string where) : path(std::move(where)) {
    made = ::mkdir(path.c_str(), 0755) == 0;
  }
  ~Cgroup() { ::rmdir(path.c_str()); }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  std::string path;
  bool made = false;
};

TEST_P(RedirectNet, AScopeIsCapturedAndItsUserBesideItIsNot) {
  const auto root = cgroup_root();
  if (root.empty()) {
    GTEST_SKIP() << "SKIPPED: no cgroups of version 2 below /sys/fs/cgroup";
  }
  const std::string name = "agp-test-" + std::to_string(::getpid());
  const Cgroup slice(root + "/" + name);
  const Cgroup scope(slice.path + "/a-b@1.scope");
  const Cgroup below(scope.path + "/child");
  const Cgroup beside(slice.path + "/other.scope");
  if (!below.made || !beside.made) {
    GTEST_SKIP() << "SKIPPED: cannot make cgroups below " << root;
  }
  Fixture fixture(GetParam());
  auto rules = redirector(&fixture);
  auto spec = spec_of_test();
  spec.scopes = {{kOtherUid, name + "/a-b@1.scope"}};
  auto done = rules.ensure(GetParam(), spec, {}, nobody_runs);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(rules.verify(GetParam(), spec));
  for (const auto& [family, loopback, outside] : {std::tuple{AF_INET, "127.0.0.1", "203.0.113.1"},
                                                  std::tuple{AF_INET6, "::1", "2001:db8::1"}}) {
    const auto intercept = listen_on(family, loopback, 8742);
    const auto upstream = listen_on(family, outside, 443);
    const auto api = listen_on(family, loopback, 8741);
    for (const auto& where : {scope.path, below.path}) {
      EXPECT_EQ(connect_as(kOtherUid, family, outside, 443, SOCK_STREAM, where), 0) << where;
      EXPECT_TRUE(has_connection(intercept)) << where;
      EXPECT_EQ(datagram_arrives(kOtherUid, family, outside, 443, where), false) << where;
      // Not a way to the intercept port, and no air gap.
      EXPECT_EQ(connect_as(kOtherUid, family, loopback, 8742, SOCK_STREAM, where), ECONNREFUSED);
      EXPECT_EQ(connect_as(kOtherUid, family, loopback, 8741, SOCK_STREAM, where), 0);
      // Another user in it, sudo for one.
      EXPECT_EQ(connect_as(kDaemonUid, family, outside, 443, SOCK_STREAM, where), 0);
      EXPECT_TRUE(has_connection(upstream));
    }
    for (const auto& where : {beside.path, slice.path, std::string()}) {
      EXPECT_EQ(connect_as(kOtherUid, family, outside, 443, SOCK_STREAM, where), 0) << where;
      EXPECT_TRUE(has_connection(upstream)) << where;
      EXPECT_FALSE(has_connection(intercept)) << where;
    }
  }
  auto without = spec;
  without.scopes.clear();
  EXPECT_FALSE(rules.verify(GetParam(), without));
  ASSERT_TRUE(rules.ensure(GetParam(), without, {}, nobody_runs));
  const auto upstream = listen_on(AF_INET, "203.0.113.1", 443);
  EXPECT_EQ(connect_as(kOtherUid, AF_INET, "203.0.113.1", 443, SOCK_STREAM, scope.path), 0);
  EXPECT_TRUE(has_connection(upstream));
}

TEST_P(RedirectNet, AScopeThatHasEndedIsNoLoss) {
  const auto root = cgroup_root();
  if (root.empty()) {
    GTEST_SKIP() << "SKIPPED: no cgroups of version 2 below /sys/fs/cgroup";
  }
  const std::string name = "agp-test-" + std::to_string(::getpid());
  auto ended = std::make_unique<Cgroup>(root + "/" + name + "-1.scope");
  const Cgroup living(root + "/" + name + "-2.scope");
  if (!ended->made || !living.made) {
    GTEST_SKIP() << "SKIPPED: cannot make cgroups below " << root;
  }
  Fixture fixture(GetParam());
  auto rules = redirector(&fixture);
  auto both = spec_of_test();
  both.scopes = {{kOtherUid, name + "-1.scope"}, {kOtherUid, name + "-2.scope"}};
  ASSERT_TRUE(rules.ensure(GetParam(), both, {}, nobody_runs));
  ended.reset();
  EXPECT_TRUE(rules.verify(GetParam(), both));
  core::Loss loss;
  auto one = spec_of_test();
  one.scopes = {{kOtherUid, name + "-2.scope"}};
  auto again = rules.ensure(GetParam(), one, {&both, &loss}, nobody_runs);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(loss.lost.empty()) << loss.lost.front();
  EXPECT_TRUE(rules.verify(GetParam(), one));
  // One of the same name is another one.
  const Cgroup back(root + "/" + name + "-1.scope");
  if (GetParam() == FirewallBackend::nftables) {
    EXPECT_FALSE(rules.verify(GetParam(), both));
  }
}

TEST_P(RedirectNet, TheOtherHoldersRulesGoFirstAndNoServerRunsThen) {
  const auto other = GetParam() == FirewallBackend::iptables ? FirewallBackend::nftables
                                                             : FirewallBackend::iptables;
  Fixture fixture(other);
  const auto before = everything();
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  EXPECT_EQ(fixture.units.asked, 0);
  fixture.settings.firewall = GetParam();
  auto switched = fixture.operations.ensure_redirect();
  ASSERT_TRUE(switched) << switched.error().text();
  EXPECT_TRUE(*switched);
  EXPECT_EQ(fixture.units.asked, 1);
  EXPECT_EQ(table_shown().has_value(), GetParam() == FirewallBackend::nftables);
  EXPECT_EQ(count(all_rules(), "AGP_NAT") > 0, GetParam() == FirewallBackend::iptables);
  ASSERT_TRUE(fixture.operations.remove_redirect());
  EXPECT_EQ(everything(), before);
}

TEST_F(RedirectByTable, IsWhatAutoTakesWhereTheKernelHasIt) {
  Fixture fixture(FirewallBackend::automatic);
  const auto before = everything();
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  const auto status = fixture.operations.status();
  EXPECT_EQ(status.firewall_backend, "nftables") << status.firewall_reason;
  EXPECT_TRUE(fixture.operations.holds_rules());
  ASSERT_TRUE(fixture.operations.remove_redirect());
  EXPECT_FALSE(fixture.operations.holds_rules());
  EXPECT_EQ(everything(), before);
}

TEST_F(RedirectByTable, AutoTakesIptablesWhereNobodyKeepsTheSocket) {
  class NobodyKeeps final : public DescriptorStore {
   public:
    UniqueFd take() override { return UniqueFd(); }
    Result<> keep(int) override { return Error(core::Errc::firewall, "nobody keeps it"); }
    void forget() override {}
  };
  NobodyKeeps nobody;
  Fixture fixture(FirewallBackend::automatic, nullptr, &nobody);
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  const auto status = fixture.operations.status();
  EXPECT_EQ(status.firewall_backend, "iptables");
  EXPECT_EQ(status.firewall_reason, "nobody keeps it");
  EXPECT_EQ(status.redirect_ipv4, "active");
  EXPECT_FALSE(table_shown());
}

// threat-model 35
TEST_F(RedirectByTable, NobodyElseTakesItAway) {
  Fixture fixture(FirewallBackend::nftables);
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  const auto rules = everything();
  Fixture stranger(FirewallBackend::nftables);
  EXPECT_FALSE(stranger.operations.remove_redirect());
  EXPECT_FALSE(stranger.operations.ensure_redirect());
  shell_free("/usr/sbin/iptables", {"-t", "nat", "-F"});
  if (::access("/usr/sbin/nft", X_OK) == 0) {
    shell_free("/usr/sbin/nft", {"flush", "ruleset"});
  }
  EXPECT_EQ(table_shown()->rules.size(), count(rules, "antigravity-proxy:v1"));
  EXPECT_EQ(fixture.operations.status().redirect_ipv4, "active");
}

/// A helper that holds rules in a process of its own until it is killed.
class KilledHelper {
 public:
  explicit KilledHelper(DescriptorStore* kept_by = nullptr) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      Fixture fixture(FirewallBackend::nftables, nullptr, kept_by);
      const bool done = fixture.operations.ensure_redirect().has_value();
      (void)!::write(ready[1], done ? "y" : "n", 1);  // the parent sees the end otherwise
      for (;;) {
        ::pause();
      }
    }
    ::close(ready[1]);
    char answer = 0;
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ready[0]);
  }
  void kill() const {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }

 private:
  pid_t pid_ = -1;
};

// threat-model 30
TEST_F(RedirectByTable, ASigkillOfTheOwnerLeavesNothing) {
  const auto before = everything();
  const KilledHelper helper;
  ASSERT_TRUE(table_shown());
  helper.kill();
  EXPECT_FALSE(table_shown());
  EXPECT_EQ(everything(), before);
}

// threat-model 30
TEST_F(RedirectByTable, AStoredSocketLeavesNoGapOverACrash) {
  KeptDescriptor manager;
  {
    Fixture first(FirewallBackend::nftables, nullptr, &manager);
    ASSERT_TRUE(first.operations.ensure_redirect());
  }
  const auto intercept = listen_on(AF_INET, "127.0.0.1", 8742);
  const auto redirects = [&] {
    return connect_as(kServerUid, AF_INET, "203.0.113.1", 443, SOCK_STREAM) == 0 &&
           has_connection(intercept);
  };
  EXPECT_TRUE(redirects());
  const KilledHelper second(&manager);
  EXPECT_TRUE(redirects());
  second.kill();
  EXPECT_TRUE(redirects());
  Fixture third(FirewallBackend::nftables, nullptr, &manager);
  EXPECT_TRUE(third.operations.holds_rules());
  auto same = third.operations.ensure_redirect();
  ASSERT_TRUE(same) << same.error().text();
  EXPECT_FALSE(*same);
  // It is its owner in every respect.
  third.settings.ports = {50000, 50010};
  auto changed = third.operations.ensure_redirect();
  ASSERT_TRUE(changed) << changed.error().text();
  EXPECT_TRUE(*changed);
  EXPECT_TRUE(redirects());
  auto removed = third.operations.remove_redirect();
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_FALSE(manager.kept.is_open());
  EXPECT_FALSE(table_shown());
}

TEST_F(RedirectByTable, ADescriptorThatIsNoSocketOfOursIsGivenUp) {
  KeptDescriptor manager;
  manager.kept.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fixture fixture(FirewallBackend::nftables, nullptr, &manager);
  EXPECT_FALSE(fixture.operations.holds_rules());
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_TRUE(manager.kept.is_open());
}

TEST(Iptables, SaysWhichPackageIsMissing) {
  Iptables iptables("/nonexistent");
  auto saved = iptables.save(core::Family::ipv4, core::Table::nat);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, core::Errc::firewall_missing);
  EXPECT_NE(saved.error().context.find("install the package iptables"), std::string::npos);
}

}  // namespace
}  // namespace agp::os
