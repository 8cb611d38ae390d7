#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace agp::os {

/// Somebody who keeps a copy of one descriptor while this process is replaced by the next.
class DescriptorStore {
 public:
  virtual ~DescriptorStore() = default;
  /// What the process before left; each once.
  [[nodiscard]] virtual UniqueFd take() = 0;
  /// Has it when this returns.
  [[nodiscard]] virtual Result<> keep(int fd) = 0;
  virtual void forget() = 0;
};

/// The service manager's (FileDescriptorStoreMax=). It gives up the descriptor when the unit is
/// stopped, not when it is restarted or crashes and Restart= starts it again.
class ServiceStore final : public DescriptorStore {
 public:
  UniqueFd take() override;
  Result<> keep(int fd) override;
  void forget() override;
};

}  // namespace agp::os
