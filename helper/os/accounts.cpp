#include "helper/os/accounts.h"

#include <array>

#include <pwd.h>

namespace agp::os {
namespace {

std::optional<uid_t> uid_of(const char* name) {
  std::array<char, 16384> strings{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name, &entry, strings.data(), strings.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return entry.pw_uid;
}

}  // namespace

core::Accounts SystemAccounts::look_up() {
  return {uid_of("antigravity-ls"), uid_of("antigravity-proxy")};
}

}  // namespace agp::os
