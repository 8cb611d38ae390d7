// The rules in a network namespace of their own, with the real iptables and real connections.
#include "helper/core/errc.h"
#include "helper/core/operations.h"
#include "helper/os/command.h"
#include "helper/os/iptables.h"

#include <array>
#include <cstring>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
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
    return std::vector<core::UnitState>();
  }
  std::vector<core::UnitExit> take_exits() override { return {}; }
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

struct Fixture {
  explicit Fixture(core::Firewall* firewall)
      : operations({firewall, &trust, &accounts, nullptr, &units, nullptr,
                    [] { return Result<core::Settings>(core::Settings()); },
                    [] { return std::int64_t{0}; }, nullptr}) {}
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

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++n;
  }
  return n;
}

UniqueFd listen_on(int family, const char* address, std::uint16_t port) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
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
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

/// Connects as another user, in a child. @return 0 or errno.
int connect_as(uid_t uid, int family, const char* address, std::uint16_t port, int type) {
  const pid_t child = ::fork();
  if (child == 0) {
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
        pollfd wait{fd, POLLIN, 0};
        (void)::poll(&wait, 1, 1000);
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

class RedirectNet : public ::testing::Test {
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

// threat-model 29
TEST_F(RedirectNet, AppliesOnceHoweverOftenItIsAsked) {
  Iptables iptables;
  Fixture fixture(&iptables);
  auto first = fixture.operations.ensure_redirect();
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(*first);
  const auto rules = all_rules();
  auto second = fixture.operations.ensure_redirect();
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_FALSE(*second) << rules;
  EXPECT_EQ(all_rules(), rules);
  EXPECT_EQ(count(rules, "-j AGP_NAT"), 2U);
  EXPECT_EQ(count(rules, "-j AGP_FILTER"), 2U);
  EXPECT_EQ(count(rules, "-j AGP_GUARD"), 2U);
}

// threat-model 29
TEST_F(RedirectNet, TwentyAtTheSameTimeLeaveOneOfEach) {
  std::vector<pid_t> children;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      Iptables iptables;
      Fixture fixture(&iptables);
      (void)fixture.operations.ensure_redirect();  // some may lose the race without a lock
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
  }
  Iptables iptables;
  Fixture fixture(&iptables);
  auto done = fixture.operations.ensure_redirect();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(count(all_rules(), "-j AGP_NAT"), 2U);
}

// threat-model 29
TEST_F(RedirectNet, RemovingLeavesForeignRulesAsTheyWere) {
  for (const char* program : {"/usr/sbin/iptables", "/usr/sbin/ip6tables"}) {
    shell_free(program, {"-A", "OUTPUT", "-p", "tcp", "--dport", "25", "-j", "REJECT"});
    shell_free(program, {"-t", "nat", "-N", "FOREIGN"});
    shell_free(program, {"-t", "nat", "-A", "OUTPUT", "-j", "FOREIGN"});
  }
  const auto before = all_rules();
  Iptables iptables;
  Fixture fixture(&iptables);
  ASSERT_TRUE(fixture.operations.ensure_redirect());
  EXPECT_NE(all_rules(), before);
  // Half of it is gone, the jump is there twice: still one call away from nothing.
  shell_free("/usr/sbin/iptables", {"-t", "nat", "-F", "AGP_NAT"});
  shell_free("/usr/sbin/ip6tables", {"-A", "OUTPUT", "-j", "AGP_FILTER"});
  auto removed = fixture.operations.remove_redirect();
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_TRUE(*removed);
  EXPECT_EQ(all_rules(), before);
  auto again = fixture.operations.remove_redirect();
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
}

TEST_F(RedirectNet, RepairsWhatIsHalfThere) {
  Iptables iptables;
  Fixture fixture(&iptables);
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
TEST_F(RedirectNet, AFailingFamilyUndoesTheOther) {
  FailingV6 firewall;
  Fixture fixture(&firewall);
  auto done = fixture.operations.ensure_redirect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, core::Errc::firewall);
  EXPECT_EQ(count(all_rules(), "AGP_"), 0U);
}

// threat-model 32
// threat-model 34
// threat-model 38
TEST_F(RedirectNet, OnlyTheLanguageServersTrafficIsRedirected) {
  Iptables iptables;
  Fixture fixture(&iptables);
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
    EXPECT_NE(connect_as(kServerUid, c.family, c.outside, 443, SOCK_DGRAM), 0);

    // The nat rules are flushed by somebody: closed, not direct.
    const char* program = c.family == AF_INET ? "/usr/sbin/iptables" : "/usr/sbin/ip6tables";
    shell_free(program, {"-t", "nat", "-F", "OUTPUT"});
    EXPECT_EQ(connect_as(kServerUid, c.family, c.outside, 443, SOCK_STREAM), ECONNREFUSED);
  }
}

// threat-model 37
TEST_F(RedirectNet, RefusesAccountsThatWouldCatchOthers) {
  Iptables iptables;
  Fixture fixture(&iptables);
  for (const auto& accounts :
       {core::Accounts{0, kDaemonUid}, core::Accounts{kDaemonUid, kDaemonUid},
        core::Accounts{std::nullopt, kDaemonUid}}) {
    fixture.accounts.accounts = accounts;
    auto done = fixture.operations.ensure_redirect();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, core::Errc::accounts);
  }
  EXPECT_EQ(count(all_rules(), "AGP_"), 0U);
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
