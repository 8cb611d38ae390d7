#pragma once

#include "helper/core/ports.h"
#include "helper/os/descriptor_store.h"
#include "helper/os/netfilter_socket.h"

#include <optional>

namespace agp::os {

/// The table of nf_tables that dies with its socket. Opens the socket for the first rules, leaves a
/// copy with the store, and finds it there again after a restart.
class NftOwnerTable final : public core::OwnerTable {
 public:
  /// @param store outlives this object; null: looks only (a release), and cannot hold rules.
  explicit NftOwnerTable(DescriptorStore* store);

  Result<> check_kernel() override;
  [[nodiscard]] bool holds() override;
  Result<core::TableState> compare(const core::nft::Rules& desired) override;
  Result<> replace(const core::nft::Rules& desired) override;
  Result<bool> remove() override;

 private:
  [[nodiscard]] Result<> take_hold();

  DescriptorStore* store_;
  std::optional<NetfilterSocket> owner_;
  core::nft::Rules made_;  // by this process; none of what it adopted
};

}  // namespace agp::os
