#pragma once

#include "common/base/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// The commands that `antigravity-proxy run` started: whose they are, and the cgroup that is
/// theirs.
namespace agp::core {

constexpr std::size_t kMaxScopes = 64;
constexpr std::size_t kMaxScopesPerUser = 16;

/// What a user was granted. The inode tells this cgroup from a later one of the same name: the
/// kernel's rules hold the old one, and would match nobody.
struct GrantedScope {
  uid_t user = 0;
  std::string cgroup;  // below the root of cgroup2, no leading slash
  std::uint64_t inode = 0;
  friend bool operator==(const GrantedScope&, const GrantedScope&) = default;
};

/// The hierarchy cgroup2, as far as it is asked for.
class ScopeTree {
 public:
  virtual ~ScopeTree() = default;
  /// @return the inode of a cgroup with processes in it; nothing when there is none, or nobody is
  ///         left in it. An error when this machine has no cgroup2.
  [[nodiscard]] virtual Result<std::optional<std::uint64_t>> look(const std::string& cgroup) = 0;
};

/// Where grants outlive the helper.
class ScopeRecords {
 public:
  virtual ~ScopeRecords() = default;
  /// Empty when there are none.
  [[nodiscard]] virtual Result<std::string> read_scopes() = 0;
  /// Atomic; an empty text removes them.
  [[nodiscard]] virtual Result<> write_scopes(std::string_view text) = 0;
};

/// The unit that the command starts itself in. @param id 32 lower-case hexadecimal digits.
[[nodiscard]] std::string scope_unit(std::string_view id);

/// Where the service managers put that unit when a command of this user asks: its own manager, or
/// the one of the system in the user's slice. Nothing else is ever captured.
[[nodiscard]] std::vector<std::string> scope_places(uid_t user, std::string_view id);

/// One line for each: uid, inode, cgroup.
[[nodiscard]] std::string format_scopes(const std::vector<GrantedScope>& scopes);

/// Lines that are not what format_scopes() writes are left out: what is not understood was not
/// granted. At most kMaxScopes.
[[nodiscard]] std::vector<GrantedScope> parse_scopes(std::string_view text);

/// @return Errc::limits when this user, or all together, have as many as they may.
[[nodiscard]] Result<> check_scope_room(const std::vector<GrantedScope>& scopes, uid_t user);

/// What was granted and is still there.
class ScopeBook {
 public:
  /// @param tree, records  outlive this; null: nothing is ever granted.
  ScopeBook(ScopeTree* tree, ScopeRecords* records) : tree_(tree), records_(records) {}

  /// The scope of that id, with a process in it now. @return Errc::unit when there is none.
  [[nodiscard]] Result<GrantedScope> find(uid_t user, std::string_view id) const;
  /// As recorded. A list that cannot be read as root's own counts as empty: captures of commands
  /// never keep the language server from being protected.
  [[nodiscard]] std::vector<GrantedScope> recorded() const;
  /// Those of them that have not ended.
  [[nodiscard]] std::vector<GrantedScope> living() const;
  [[nodiscard]] Result<> record(const std::vector<GrantedScope>& scopes);

 private:
  ScopeTree* tree_;
  ScopeRecords* records_;
};

/// How often a user may ask: each grant costs firewall commands, which the helper waits for.
class ScopeBudget {
 public:
  static constexpr int kBurst = 20;
  static constexpr std::int64_t kSecondsPerCall = 2;

  /// @param now seconds of a clock that only goes forward.
  [[nodiscard]] bool allows(uid_t user, std::int64_t now);

 private:
  std::map<uid_t, std::int64_t> used_until_;
};

}  // namespace agp::core
