#include "helper/core/nft_rules.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

namespace agp::core::nft {
namespace {

constexpr char kNat[] = "nat_output";
constexpr char kFilter[] = "filter_output";
constexpr char kServer[] = "server";  // what the language server sends
constexpr char kScope[] = "scope";    // what a captured scope sends
constexpr char kGuard[] = "guard";    // who may reach ports of ours on loopback

constexpr std::uint8_t kTcp = IPPROTO_TCP;
constexpr std::uint8_t kUdp = IPPROTO_UDP;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kOpening = 0x17;  // FIN, SYN, RST and ACK
constexpr std::uint8_t kLoopbackNet = 127;
// No account has it: it is what the kernel shows for a user that cannot be mapped.
constexpr uid_t kNobodyAtAll = 0xfffffffe;

using Steps = std::vector<Step>;

Steps operator+(Steps a, const Steps& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The kernel keeps numbers of its own in the machine's order.
template <class Number>
Bytes native(Number number) {
  Bytes bytes(sizeof number);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

Bytes port_bytes(std::uint16_t port) {
  return native(htons(port));
}

Steps field_is(Field field, Bytes value) {
  return {Load{field}, Compare{true, std::move(value)}};
}

Steps user_is(uid_t uid) {
  return field_is(Field::user, native(static_cast<std::uint32_t>(uid)));
}

Steps protocol_is(std::uint8_t protocol) {
  return field_is(Field::protocol, {protocol});
}

Steps port_is(std::uint16_t port) {
  return field_is(Field::destination_port, port_bytes(port));
}

Steps family_is(Family family) {
  return field_is(
      Field::family,
      {static_cast<std::uint8_t>(family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
}

Steps loopback_is(Family family, bool expected) {
  if (family == Family::ipv4) {
    return {Load{Field::first_octet_ipv4}, Compare{expected, {kLoopbackNet}}};
  }
  Bytes loopback(sizeof in6addr_loopback);
  std::memcpy(loopback.data(), &in6addr_loopback, loopback.size());
  return {Load{Field::destination_ipv6}, Compare{expected, std::move(loopback)}};
}

Steps to_loopback(Family family) {
  return family_is(family) + loopback_is(family, true);
}
Steps to_others(Family family) {
  return family_is(family) + loopback_is(family, false);
}

Steps member(const CapturedScope& scope) {
  return user_is(scope.user) + Steps{InCgroup{scope.cgroup}};
}

Steps was_redirected() {
  constexpr std::uint32_t kDestinationNat = IPS_DST_NAT;
  return {Load{Field::conntrack_status}, Mask{native(kDestinationNat)},
          Compare{false, native(std::uint32_t{0})}};
}

Steps opens_connection() {
  return {Load{Field::tcp_flags}, Mask{{kOpening}}, Compare{true, {kSyn}}};
}

Steps destination_is(const std::string& address) {
  Bytes bytes(sizeof(in6_addr));
  const bool is_ipv6 = address.find(':') != std::string::npos;
  const int done = ::inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data());
  assert(done == 1);
  (void)done;  // asserted
  bytes.resize(is_ipv6 ? sizeof(in6_addr) : sizeof(in_addr));
  const auto family = is_ipv6 ? Family::ipv6 : Family::ipv4;
  const auto field = is_ipv6 ? Field::destination_ipv6 : Field::destination_ipv4;
  return family_is(family) + field_is(field, std::move(bytes));
}

class Writer {
 public:
  Writer(const RedirectSpec& spec, const std::vector<Family>& families)
      : spec_(spec), families_(families) {}

  Rules write() {
    rules_.chains = {{kServer, Hook::none},
                     {kScope, Hook::none},
                     {kGuard, Hook::none},
                     {kFilter, Hook::filter_output},
                     {kNat, Hook::nat_output}};
    add_nat();
    add_server();
    add_refusals(kScope);
    add_guard();
    add_jumps();
    return std::move(rules_);
  }

 private:
  void add(const char* chain, Steps steps) { rules_.rules.push_back({chain, std::move(steps)}); }

  /// Everybody whose tcp/443 is redirected.
  std::vector<Steps> captured() const {
    std::vector<Steps> matches{user_is(spec_.language_server)};
    for (const auto& scope : spec_.scopes) {
      assert(is_cgroup_path(scope.cgroup));
      matches.push_back(member(scope));
    }
    return matches;
  }

  void add_nat() {
    for (const auto& who : captured()) {
      for (const auto family : families_) {
        add(kNat, who + protocol_is(kTcp) + to_others(family) + port_is(443) +
                      Steps{Redirect{kInterceptPort}});
      }
    }
  }

  /// QUIC falls back to TCP at once. Redirected packets have another destination by now: what still
  /// goes to 443 escaped, and fails closed.
  void add_refusals(const char* chain) {
    for (const auto family : families_) {
      add(chain,
          protocol_is(kUdp) + to_others(family) + port_is(443) + Steps{Reject::port_unreachable});
      add(chain, protocol_is(kTcp) + to_others(family) + port_is(443) + Steps{Reject::reset});
    }
  }

  void add_server() {
    add_refusals(kServer);
    for (const auto family : families_) {
      add(kServer,
          protocol_is(kTcp) + to_loopback(family) + port_is(kApiPort) + Steps{Reject::reset});
    }
    if (spec_.egress == Egress::metered) {
      return;
    }
    for (const auto family : families_) {
      add(kServer, to_loopback(family) + Steps{Return{}});
    }
    for (const auto& resolver : spec_.resolvers) {
      for (const auto protocol : {kUdp, kTcp}) {
        add(kServer,
            protocol_is(protocol) + destination_is(resolver) + port_is(53) + Steps{Return{}});
      }
    }
    add(kServer, protocol_is(kTcp) + Steps{Reject::reset});
    add(kServer, {Reject::port_unreachable});
  }

  void add_guard() {
    const Steps intercept = port_is(kInterceptPort);
    // The intercept port is for what was redirected, not even for the language server itself.
    for (const auto& who : captured()) {
      add(kGuard, intercept + who + was_redirected() + Steps{Return{}});
    }
    add(kGuard, intercept + Steps{Reject::reset});
    for (const auto uid : {uid_t{0}, spec_.daemon, spec_.language_server}) {
      add(kGuard, user_is(uid) + Steps{Return{}});
    }
    add(kGuard, {Reject::reset});
  }

  /// A packet of anybody else that does not open one of our ports is not even looked at.
  void add_jumps() {
    add(kFilter, user_is(spec_.language_server) + Steps{Jump{kServer}});
    for (const auto& scope : spec_.scopes) {
      add(kFilter, member(scope) + Steps{Jump{kScope}});
    }
    const auto& ports = spec_.language_server_ports;
    const Steps in_range{Load{Field::destination_port},
                         Between{port_bytes(ports.first), port_bytes(ports.last)}};
    for (const auto family : families_) {
      for (const auto& port : {port_is(kInterceptPort), in_range}) {
        add(kFilter, protocol_is(kTcp) + to_loopback(family) + opens_connection() + port +
                         Steps{Jump{kGuard}});
      }
    }
  }

  const RedirectSpec& spec_;
  const std::vector<Family>& families_;
  Rules rules_;
};

}  // namespace

Rules desired_rules(const RedirectSpec& spec, const std::vector<Family>& families) {
  return Writer(spec, families).write();
}

Rules probe_rules() {
  const Steps who = user_is(kNobodyAtAll);
  Rules probe;
  probe.chains = {{kServer, Hook::none}, {kFilter, Hook::filter_output}, {kNat, Hook::nat_output}};
  probe.rules = {
      {kNat, who + protocol_is(kTcp) + to_others(Family::ipv4) + port_is(443) +
                 Steps{Redirect{kInterceptPort}}},
      {kFilter, who + Steps{Jump{kServer}}},
      {kServer, protocol_is(kTcp) + to_loopback(Family::ipv6) + opens_connection() +
                    Steps{Load{Field::destination_port}, Between{port_bytes(1), port_bytes(2)}} +
                    was_redirected() + Steps{Return{}}},
      {kServer, protocol_is(kTcp) + Steps{Reject::reset}},
      {kServer, {Reject::port_unreachable}}};
  return probe;
}

std::uint32_t level_of(std::string_view cgroup) {
  return 1 + static_cast<std::uint32_t>(std::count(cgroup.begin(), cgroup.end(), '/'));
}

}  // namespace agp::core::nft
