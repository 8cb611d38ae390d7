#include "daemon/io/destination.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>

// <linux/netfilter_ipv6/ip6_tables.h> drags in headers that clash with <netinet/in.h>.
#ifndef IP6T_SO_ORIGINAL_DST
#define IP6T_SO_ORIGINAL_DST 80
#endif

namespace agp::io {
namespace {

namespace ip = boost::asio::ip;

class DestinationCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "destination"; }
  std::string message(int value) const override {
    switch (static_cast<DestinationErrc>(value)) {
      case DestinationErrc::not_redirected:
        return "the connection was not redirected here";
      case DestinationErrc::not_global:
        return "the address is not global; list its network in upstream.allow_networks to allow it";
      case DestinationErrc::wrong_port:
        return "the port is not one we relay";
    }
    return "unknown destination error";
  }
};

// ::ffff:a.b.c.d is a.b.c.d to every rule here.
ip::address unmapped(const ip::address& from) {
  if (from.is_v6() && from.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, from.to_v6());
  }
  return from;
}

bool contains(const config::Network& network, const ip::address& candidate) {
  const auto address = unmapped(candidate);
  if (address.is_v4()) {
    const auto octets = address.to_v4().to_bytes();
    return network.contains(octets.data(), octets.size());
  }
  const auto octets = address.to_v6().to_bytes();
  return network.contains(octets.data(), octets.size());
}

// IANA special-purpose registries, RFC 6890 and later: what is not globally reachable unicast.
const std::vector<config::Network>& special_networks() {
  static const std::vector<config::Network> networks = [] {
    std::vector<config::Network> made;
    for (const auto* text :
         {"0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
          "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
          "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
          "::/128",        "::1/128",         "64:ff9b:1::/48", "100::/64",       "2001:db8::/32",
          "3fff::/20",     "5f00::/16",       "fc00::/7",       "fe80::/10",      "fec0::/10",
          "ff00::/8"}) {
      const auto parsed = config::Network::parse(text);
      assert(parsed);
      made.push_back(*parsed);
    }
    return made;
  }();
  return networks;
}

}  // namespace

const boost::system::error_category& destination_category() {
  static const DestinationCategory instance;
  return instance;
}

Result<ip::tcp::endpoint> original_destination(int socket) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &size) != 0) {
    return errno_error("getsockname");
  }
  sockaddr_storage original{};
  size = sizeof original;
  const bool is_v6 = local.ss_family == AF_INET6;
  if (::getsockopt(socket, is_v6 ? SOL_IPV6 : SOL_IP,
                   is_v6 ? IP6T_SO_ORIGINAL_DST : SO_ORIGINAL_DST, &original, &size) != 0) {
    // ENOENT: connection tracking does not know it, so it was not redirected.
    if (errno == ENOENT) {
      return Error{make_error_code(DestinationErrc::not_redirected), "original destination"};
    }
    return errno_error("original destination");
  }
  const auto endpoint_of = [](const sockaddr_storage& from) {
    ip::tcp::endpoint made;
    std::memcpy(made.data(), &from,
                from.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    return made;
  };
  const auto destination = endpoint_of(original);
  if (destination == endpoint_of(local)) {
    return Error{make_error_code(DestinationErrc::not_redirected), "original destination"};
  }
  return destination;
}

Result<> check_destination(const ip::tcp::endpoint& destination, const DestinationRules& rules) {
  if (destination.port() != rules.port) {
    return Error{make_error_code(DestinationErrc::wrong_port), "port"};
  }
  for (const auto& network : rules.allowed) {
    if (contains(network, destination.address())) {
      return {};
    }
  }
  for (const auto& network : special_networks()) {
    if (contains(network, destination.address())) {
      return Error{make_error_code(DestinationErrc::not_global), destination.address().to_string()};
    }
  }
  return {};
}

}  // namespace agp::io
