#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

namespace agp {

/// What the system knows of a user, from whatever sources nsswitch.conf names.
struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
};

/// Nothing when there is no such user, or the system cannot say. May wait for a directory service.
[[nodiscard]] std::optional<Account> find_account(const std::string& name);
[[nodiscard]] std::optional<Account> find_account(uid_t uid);
[[nodiscard]] std::optional<uid_t> find_uid(const std::string& name);

}  // namespace agp
