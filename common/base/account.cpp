#include "common/base/account.h"

#include <cerrno>
#include <cstddef>
#include <vector>

#include <pwd.h>

namespace agp {
namespace {

constexpr std::size_t kFirstBuffer = 16 * 1024;
constexpr std::size_t kLastBuffer = 1024 * 1024;

/// @param ask  getpwnam_r or getpwuid_r with its first argument.
template <class Ask>
std::optional<Account> find(Ask ask) {
  for (std::size_t size = kFirstBuffer; size <= kLastBuffer; size *= 4) {
    std::vector<char> strings(size);
    passwd entry{};
    passwd* found = nullptr;
    if (ask(&entry, strings.data(), strings.size(), &found) == ERANGE) {
      continue;
    }
    if (found == nullptr) {
      break;
    }
    return Account{found->pw_name, found->pw_uid, found->pw_gid, found->pw_dir};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Account> find_account(const std::string& name) {
  return find([&name](passwd* entry, char* strings, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, strings, size, found);
  });
}

std::optional<Account> find_account(uid_t uid) {
  return find([uid](passwd* entry, char* strings, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, strings, size, found);
  });
}

std::optional<uid_t> find_uid(const std::string& name) {
  const auto account = find_account(name);
  return account ? std::optional(account->uid) : std::nullopt;
}

}  // namespace agp
