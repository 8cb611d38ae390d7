#pragma once

#include "helper/core/ports.h"

namespace agp::os {

/// The accounts made by sysusers.d, asked from the system each time.
class SystemAccounts final : public core::AccountDatabase {
 public:
  core::Accounts look_up() override;
};

}  // namespace agp::os
