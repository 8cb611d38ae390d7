#pragma once

#include "daemon/ls/session.h"
#include "daemon/ls/session_list.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

/// From what one look recognised to the one session to use. A core.
namespace agp::ls {

/// One session for each language server: wrappers and copies between fork and exec are taken out.
/// A wrapper is an ancestor with the same tokens and port but another program; its child is what
/// counts. With the same program it is the other way round: the child is about to become something
/// else. Order is kept.
[[nodiscard]] std::vector<Session> without_wrappers(std::vector<Session> sessions);

/// The one user whose sessions these are, if it is one.
[[nodiscard]] std::optional<uid_t> only_user(const std::vector<Session>& sessions);

/// Which of the found sessions to use.
struct Choice {
  std::optional<std::size_t> index;
  std::vector<uid_t> users;  // more than one: several users, and none was named
  std::string hint;          // something was found that cannot be used, and why
};

/// Only sessions of one user are ever chosen, and of these: the one in use as long as it is
/// usable, so that a second window restarts nothing; else a window with a workspace before one
/// without; else the longest running; else the lowest pid.
/// @param allowed   the one user whose sessions may be used; none: the only one that has any.
/// @param excluded  users that are never an IDE's (the account of our own language servers).
/// @param keep      fingerprint in use.
[[nodiscard]] Choice choose(const std::vector<Session>& sessions,
                            std::optional<uid_t> allowed,
                            const std::vector<uid_t>& excluded,
                            std::optional<std::uint64_t> keep);

/// How the rest of the machine is asked about.
struct Describer {
  std::function<std::string(uid_t)> user_of;
  std::function<std::chrono::system_clock::time_point(const Session&)> time_of;  // its start
};

/// @param choice  what choose() said about exactly these sessions.
[[nodiscard]] SessionList describe(const std::vector<Session>& sessions,
                                   const Choice& choice,
                                   const Describer& ask);

}  // namespace agp::ls
