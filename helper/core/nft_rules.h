#pragma once

#include "helper/core/redirect.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/types.h>

/// The same rules as redirect.h makes, in the terms of nf_tables: one table for both families, nat
/// and filter, replaced as a whole.
namespace agp::core::nft {

constexpr std::string_view kTable = "antigravity_proxy";

using Bytes = std::vector<std::uint8_t>;

/// What a packet is asked for; the answer is what the next steps look at.
enum class Field {
  family,
  protocol,
  user,  // of the socket
  destination_ipv4,
  destination_ipv6,
  first_octet_ipv4,  // of the destination
  destination_port,
  tcp_flags,
  conntrack_status,
};

struct Load {
  Field field = Field::family;
  friend bool operator==(const Load&, const Load&) = default;
};
/// The socket is below this cgroup. Loads and compares: the kernel knows it by a number.
struct InCgroup {
  std::string path;
  friend bool operator==(const InCgroup&, const InCgroup&) = default;
};
struct Mask {
  Bytes bits;
  friend bool operator==(const Mask&, const Mask&) = default;
};
struct Compare {
  bool is_equal = true;
  Bytes with;
  friend bool operator==(const Compare&, const Compare&) = default;
};
struct Between {
  Bytes first;
  Bytes last;
  friend bool operator==(const Between&, const Between&) = default;
};
struct Jump {
  std::string chain;
  friend bool operator==(const Jump&, const Jump&) = default;
};
struct Return {
  friend bool operator==(const Return&, const Return&) = default;
};
struct Redirect {
  std::uint16_t port = 0;
  friend bool operator==(const Redirect&, const Redirect&) = default;
};
enum class Reject { reset, port_unreachable };

/// A rule is a list of these; the first that does not match ends it.
using Step = std::variant<Load, InCgroup, Mask, Compare, Between, Jump, Return, Redirect, Reject>;

enum class Hook { none, nat_output, filter_output };

struct Chain {
  std::string name;
  Hook hook = Hook::none;
};

struct Rule {
  std::string chain;
  std::vector<Step> steps;
};

/// Chains before what jumps to them, rules in their order.
struct Rules {
  std::vector<Chain> chains;
  std::vector<Rule> rules;
};

/// @param families those that the kernel has.
[[nodiscard]] Rules desired_rules(const RedirectSpec& spec, const std::vector<Family>& families);

/// Every kind of step once, for a user whom nobody is: whether a kernel takes them.
[[nodiscard]] Rules probe_rules();

/// How deep a cgroup lies below the root.
[[nodiscard]] std::uint32_t level_of(std::string_view cgroup);

}  // namespace agp::core::nft
