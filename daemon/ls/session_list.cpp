#include "daemon/ls/session_list.h"

#include <algorithm>
#include <iterator>

namespace agp::ls {

const char* to_string(Era era) {
  switch (era) {
    case Era::unknown:
      return "unknown";
    case Era::e1:
      return "e1";
    case Era::e2:
      return "e2";
    case Era::e3:
      return "e3";
  }
  return "unknown";
}

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::ide:
      return "ide";
    case Kind::core:
      return "core";
    case Kind::hub:
      return "hub";
    case Kind::agy:
      return "agy";
  }
  return "unknown";
}

SessionList SessionList::of(uid_t uid) const {
  SessionList own;
  std::copy_if(sessions.begin(), sessions.end(), std::back_inserter(own.sessions),
               [uid](const SessionInfo& session) { return session.uid == uid; });
  return own;
}

const SessionInfo* SessionList::in_use() const {
  const auto used = std::find_if(sessions.begin(), sessions.end(),
                                 [](const SessionInfo& session) { return session.is_in_use; });
  return used == sessions.end() ? nullptr : &*used;
}

}  // namespace agp::ls
