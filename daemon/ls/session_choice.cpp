#include "daemon/ls/session_choice.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace agp::ls {
namespace {

bool is_ancestor(const Session& elder, const Session& younger) {
  return std::find(younger.ancestors.begin(), younger.ancestors.end(), elder.pid) !=
         younger.ancestors.end();
}

/// Tokens are random for each start, so the same ones in parent and child are one start.
bool is_one_start(const Session& a, const Session& b) {
  return a.uid == b.uid && a.kind == b.kind && a.extension_server_port == b.extension_server_port &&
         a.csrf_token.expose() == b.csrf_token.expose() && a.workspace_id == b.workspace_id;
}

bool is_same_program(const Session& a, const Session& b) {
  return a.is_wrapper == b.is_wrapper && a.binary_path == b.binary_path;
}

/// Users choose these texts, and arguments may be long.
std::string shown(const std::string& text) {
  return text.substr(0, SessionList::kShownText);
}

/// Why this session is not the one in use.
std::string why_not(const Session& session,
                    const std::string& unusable,
                    const std::vector<Session>& sessions,
                    const Choice& choice) {
  if (!unusable.empty()) {
    return name_of(session) + " " + unusable;
  }
  if (choice.users.size() > 1) {
    return "several users run the IDE: set language_server.user in proxy.yaml to one of them";
  }
  if (!choice.index) {
    return "sessions of this user are not used";
  }
  const Session& used = sessions[*choice.index];
  const std::string of_other =
      " with pid " + std::to_string(used.pid) + " of the same user is in use";
  return used.kind == Kind::ide && session.kind != Kind::ide
             ? "it has no workspace, and the window" + of_other
             : "the session" + of_other;
}

}  // namespace

std::vector<Session> without_wrappers(std::vector<Session> sessions) {
  std::vector<bool> is_gone(sessions.size(), false);
  for (std::size_t child = 0; child < sessions.size(); ++child) {
    for (std::size_t parent = 0; parent < sessions.size(); ++parent) {
      if (is_ancestor(sessions[parent], sessions[child]) &&
          is_one_start(sessions[parent], sessions[child]) &&
          is_same_program(sessions[parent], sessions[child])) {
        is_gone[child] = true;
      }
    }
  }
  std::vector<bool> is_wrapper(sessions.size(), false);
  for (std::size_t child = 0; child < sessions.size(); ++child) {
    for (std::size_t parent = 0; parent < sessions.size() && !is_gone[child]; ++parent) {
      if (!is_gone[parent] && is_ancestor(sessions[parent], sessions[child]) &&
          is_one_start(sessions[parent], sessions[child])) {
        is_wrapper[parent] = true;
        sessions[child].wrappers.push_back(sessions[parent].pid);
      }
    }
  }
  std::vector<Session> kept;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    if (!is_gone[i] && !is_wrapper[i]) {
      kept.push_back(std::move(sessions[i]));
    }
  }
  return kept;
}

std::optional<uid_t> only_user(const std::vector<Session>& sessions) {
  if (sessions.empty() || std::any_of(sessions.begin(), sessions.end(), [&](const Session& other) {
        return other.uid != sessions.front().uid;
      })) {
    return std::nullopt;
  }
  return sessions.front().uid;
}

Choice choose(const std::vector<Session>& sessions,
              std::optional<uid_t> allowed,
              const std::vector<uid_t>& excluded,
              std::optional<std::uint64_t> keep) {
  Choice choice;
  const auto rank = [keep](const Session& session) {
    return std::tuple(!keep || session.fingerprint() != *keep, session.kind != Kind::ide,
                      session.start_time, session.pid);
  };
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const Session& session = sessions[i];
    if (std::find(excluded.begin(), excluded.end(), session.uid) != excluded.end() ||
        (allowed && session.uid != *allowed)) {
      continue;
    }
    if (const std::string reason = session.unusable_reason(); !reason.empty()) {
      // What can be said of a language server is of more use than what can be said of agy.
      if (choice.hint.empty() || session.kind != Kind::agy) {
        choice.hint = name_of(session) + " " + reason;
      }
      continue;
    }
    if (std::find(choice.users.begin(), choice.users.end(), session.uid) == choice.users.end()) {
      choice.users.push_back(session.uid);
    }
    if (!choice.index || rank(session) < rank(sessions[*choice.index])) {
      choice.index = i;
    }
  }
  if (choice.users.size() > 1) {
    choice.index.reset();
  }
  if (!choice.users.empty()) {
    choice.hint.clear();
  }
  return choice;
}

SessionList describe(const std::vector<Session>& sessions,
                     const Choice& choice,
                     const Describer& ask) {
  std::vector<std::size_t> order(sessions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&sessions](std::size_t a, std::size_t b) {
    const auto place = [](const Session& session) {
      return std::tuple(session.uid, session.start_time, session.pid);
    };
    return place(sessions[a]) < place(sessions[b]);
  });
  SessionList list;
  for (const std::size_t i : order) {
    const Session& session = sessions[i];
    SessionInfo info;
    info.id = std::to_string(session.pid) + "-" + std::to_string(session.start_time);
    info.uid = session.uid;
    info.user = ask.user_of(session.uid);
    info.pid = session.pid;
    info.kind = session.kind;
    info.era = session.era;
    info.is_remote = session.is_remote;
    info.workspace_id = shown(session.workspace_id);
    info.app_data_dir = shown(session.app_data_dir);
    info.version = shown(session.version);
    info.since = ask.time_of(session);
    info.wrappers = session.wrappers;
    info.is_in_use = choice.index == i;
    const std::string unusable = session.unusable_reason();
    info.is_usable = unusable.empty();
    info.reason = info.is_in_use ? std::string() : why_not(session, unusable, sessions, choice);
    list.sessions.push_back(std::move(info));
  }
  return list;
}

}  // namespace agp::ls
