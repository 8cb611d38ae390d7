#include "helper/os/accounts.h"

#include "common/base/account.h"

namespace agp::os {

core::Accounts SystemAccounts::look_up() {
  return {find_uid("antigravity-ls"), find_uid("antigravity-proxy")};
}

}  // namespace agp::os
