#include "daemon/api/visibility.h"

#include "common/base/account.h"

#include <algorithm>

#include <grp.h>

namespace agp::api {
namespace {

constexpr std::size_t kAccountBuffer = 64 * 1024;

std::optional<gid_t> group_id(const char* name) {
  std::vector<char> buffer(kAccountBuffer);
  struct group entry {};
  struct group* found = nullptr;
  if (::getgrnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return found->gr_gid;
}

}  // namespace

Visibility VisibilityRules::of(std::optional<std::uint32_t> uid) const {
  Visibility out;
  if (!uid || *uid == overflow_uid) {
    return out;
  }
  if (ls_uid && *uid == *ls_uid) {
    out.access = Visibility::Access::refused;
    return out;
  }
  out.access = Visibility::Access::granted;
  out.is_session_there = has_session && has_session();
  if (*uid == 0 || *uid == daemon_uid || (is_member && is_member(*uid))) {
    out.uids = std::nullopt;
    out.may_drive = true;
    out.sees_totals = true;
    return out;
  }
  out.sees_totals = may_scrape && may_scrape(*uid);
  out.uids = std::vector<std::uint32_t>{*uid};
  out.may_drive = session_uid && session_uid() == uid;
  return out;
}

bool is_group_member(std::uint32_t uid, const char* group) {
  const auto wanted = group_id(group);
  const auto account = find_account(uid);
  if (!wanted || !account) {
    return false;
  }
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(account->name.c_str(), account->gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(account->name.c_str(), account->gid, groups.data(), &count) < 0) {
      return false;
    }
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), *wanted) != groups.end();
}

}  // namespace agp::api
