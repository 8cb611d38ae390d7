#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

/// The one place that decides whose usage a person sees; HTTP and D-Bus both ask here.
namespace agp::api {

struct Visibility {
  enum class Access {
    granted,
    unidentified,  // nobody could tell who is calling
    refused,       // known, and not allowed
    unknown_key,   // nobody could tell, and the key that was given is none
  };
  Access access = Access::unidentified;
  /// Empty optional: all records. Otherwise those that were made on behalf of one of these.
  std::optional<std::vector<std::uint32_t>> uids = std::vector<std::uint32_t>{};
  /// May see what all users together have used, and no more of the others: GET /metrics.
  bool sees_totals = false;
  /// May spend quota of the language server's session.
  bool may_drive = false;
  /// There is a session, whoever it belongs to: without one there is nobody to be refused for.
  bool is_session_there = false;

  /// Whether what belongs to `uid` may be shown.
  [[nodiscard]] bool sees(std::uint32_t uid) const {
    return !uids || std::find(uids->begin(), uids->end(), uid) != uids->end();
  }
};

struct VisibilityRules {
  std::uint32_t daemon_uid = 0;
  std::optional<std::uint32_t> ls_uid;  // account antigravity-ls
  std::uint32_t overflow_uid = 65534;   // of users that cannot be told apart: it is nobody's
  /// Whose IDE session the language server uses; asked each time, since it changes.
  std::function<std::optional<std::uint32_t>()> session_uid;
  /// Whether there is such a session, even one that belongs to nobody here.
  std::function<bool()> has_session;
  /// Whether that uid is in group antigravity-proxy.
  std::function<bool(std::uint32_t)> is_member;
  /// Whether that uid may see totals, although it is no member.
  std::function<bool(std::uint32_t)> may_scrape;

  /// Root, the daemon itself and members see everything. Anyone else sees what was done on their
  /// behalf: a record keeps its owner, whoever has the session now. The session user may drive.
  /// The language server itself is refused, and who has the overflow uid is not identified,
  /// whoever says it: kernel, bus or key.
  [[nodiscard]] Visibility of(std::optional<std::uint32_t> uid) const;
};

/// Group membership by the account database; false for an unknown uid or group.
[[nodiscard]] bool is_group_member(std::uint32_t uid, const char* group);

}  // namespace agp::api
