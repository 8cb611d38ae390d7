#pragma once

#include "common/base/result.h"
#include "helper/core/nft_rules.h"
#include "helper/os/netfilter_socket.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The rules of helper/core in the kernel's words and back. The only place that knows libnftnl.
namespace agp::os::nft {

/// What a table is, in a form in which equal tables are equal texts.
struct Shown {
  std::uint32_t owner = 0;  // 0: nobody
  std::vector<std::string> chains;
  std::vector<std::string> rules;  // with chain and comment, in their order
};

/// @param rule one of Shown::rules.
[[nodiscard]] bool is_for_cgroup(const std::string& rule);

/// Appends everything that replaces the table, whether it is there or not. Rules for a cgroup that
/// is not there are left out.
void put_table(NetfilterSocket::Batch* batch,
               const std::string& table,
               const core::nft::Rules& rules);
void put_removal(NetfilterSocket::Batch* batch, const std::string& table);

/// How the table would be shown.
[[nodiscard]] Shown show(const core::nft::Rules& rules);
/// How the kernel shows it; nothing when it is not there.
[[nodiscard]] Result<std::optional<Shown>> read_table(NetfilterSocket* socket,
                                                      const std::string& table);

}  // namespace agp::os::nft
