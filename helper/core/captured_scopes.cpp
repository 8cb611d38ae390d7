#include "helper/core/captured_scopes.h"

#include "helper/core/arguments.h"
#include "helper/core/errc.h"

#include <algorithm>
#include <charconv>

namespace agp::core {
namespace {

constexpr std::string_view kScopePrefix = "antigravity-run-";
constexpr std::string_view kScopeSuffix = ".scope";

template <class Number>
std::optional<Number> number_of(std::string_view word) {
  Number number = 0;
  const auto* end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, number);
  if (word.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

/// Everything up to the separator, which is taken along.
std::string_view take(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

bool is_place_of(uid_t user, std::string_view cgroup) {
  const auto slash = cgroup.rfind('/');
  std::string_view unit = cgroup.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (!unit.starts_with(kScopePrefix) || !unit.ends_with(kScopeSuffix)) {
    return false;
  }
  unit.remove_prefix(kScopePrefix.size());
  unit.remove_suffix(kScopeSuffix.size());
  if (!validate_id(unit)) {
    return false;
  }
  const auto places = scope_places(user, unit);
  return std::find(places.begin(), places.end(), cgroup) != places.end();
}

std::optional<GrantedScope> parse_line(std::string_view line) {
  const auto user = number_of<uid_t>(take(line, ' '));
  const auto inode = number_of<std::uint64_t>(take(line, ' '));
  if (!user || !inode || !is_place_of(*user, line)) {
    return std::nullopt;
  }
  return GrantedScope{*user, std::string(line), *inode};
}

}  // namespace

std::string scope_unit(std::string_view id) {
  return std::string(kScopePrefix) + std::string(id) + std::string(kScopeSuffix);
}

std::vector<std::string> scope_places(uid_t user, std::string_view id) {
  const std::string uid = std::to_string(user);
  const std::string slice = "user.slice/user-" + uid + ".slice/";
  return {slice + "user@" + uid + ".service/app.slice/" + scope_unit(id), slice + scope_unit(id)};
}

std::string format_scopes(const std::vector<GrantedScope>& scopes) {
  std::string text;
  for (const auto& scope : scopes) {
    text +=
        std::to_string(scope.user) + " " + std::to_string(scope.inode) + " " + scope.cgroup + "\n";
  }
  return text;
}

std::vector<GrantedScope> parse_scopes(std::string_view text) {
  std::vector<GrantedScope> scopes;
  while (!text.empty() && scopes.size() < kMaxScopes) {
    if (auto scope = parse_line(take(text, '\n'))) {
      scopes.push_back(std::move(*scope));
    }
  }
  return scopes;
}

Result<> check_scope_room(const std::vector<GrantedScope>& scopes, uid_t user) {
  if (scopes.size() >= kMaxScopes) {
    return Error(Errc::limits, "64 commands are captured on this machine: wait until one ends");
  }
  const auto own = std::count_if(scopes.begin(), scopes.end(),
                                 [user](const GrantedScope& scope) { return scope.user == user; });
  if (static_cast<std::size_t>(own) >= kMaxScopesPerUser) {
    return Error(Errc::limits, "16 commands of this user are captured: wait until one ends");
  }
  return {};
}

Result<GrantedScope> ScopeBook::find(uid_t user, std::string_view id) const {
  for (const auto& place : scope_places(user, id)) {
    auto inode =
        tree_ == nullptr ? Result<std::optional<std::uint64_t>>(std::nullopt) : tree_->look(place);
    if (!inode) {
      return inode.error();
    }
    if (*inode) {
      return GrantedScope{user, place, **inode};
    }
  }
  return Error(Errc::unit, "there is no such scope of this user's with a process in it");
}

std::vector<GrantedScope> ScopeBook::recorded() const {
  if (records_ == nullptr) {
    return {};
  }
  const auto text = records_->read_scopes();
  return text ? parse_scopes(*text) : std::vector<GrantedScope>();
}

std::vector<GrantedScope> ScopeBook::living() const {
  auto scopes = recorded();
  std::erase_if(scopes, [this](const GrantedScope& scope) {
    const auto inode = tree_->look(scope.cgroup);
    return !inode || *inode != scope.inode;
  });
  return scopes;
}

Result<> ScopeBook::record(const std::vector<GrantedScope>& scopes) {
  return records_->write_scopes(format_scopes(scopes));
}

bool ScopeBudget::allows(uid_t user, std::int64_t now) {
  // Who has not asked for a while begins anew, so that the map stays as small as its users.
  std::erase_if(used_until_, [now](const auto& entry) { return entry.second <= now; });
  auto& used_until = used_until_.try_emplace(user, now).first->second;
  if (used_until - now > (kBurst - 1) * kSecondsPerCall) {
    return false;
  }
  used_until += kSecondsPerCall;
  return true;
}

}  // namespace agp::core
