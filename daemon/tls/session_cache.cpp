#include "daemon/tls/session_cache.h"

#include <algorithm>
#include <utility>

namespace agp::tls {
namespace {

using Time = std::chrono::system_clock::time_point;

std::chrono::seconds made_at(const SSL_SESSION* session) {
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
  return std::chrono::seconds(SSL_SESSION_get_time_ex(session));  // the older one ends in 2038
#else
  return std::chrono::seconds(SSL_SESSION_get_time(session));
#endif
}

bool is_usable(const UpstreamSession& session, Time now) {
  SSL_SESSION* handle = session.handle.get();
  if (now >= session.verified_until || SSL_SESSION_is_resumable(handle) != 1) {
    return false;
  }
  // The clock may have been set back: then nobody knows how old it is.
  const auto made = Time(made_at(handle));
  const auto life = std::chrono::seconds(SSL_SESSION_get_timeout(handle));
  return now >= made - std::chrono::minutes(1) && now < made + life;
}

}  // namespace

std::string SessionCache::key(std::string_view host, const std::vector<std::string>& alpn) {
  // A host name has no NUL in it and each offer its length before it: no two keys read alike.
  std::string made(host);
  made.push_back('\0');
  for (const auto& offer : alpn) {
    made.push_back(static_cast<char>(offer.size()));
    made += offer;
  }
  return made;
}

std::optional<UpstreamSession> SessionCache::take(const std::string& key, Time now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return std::nullopt;
  }
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  auto& sessions = found->second->sessions;
  std::erase_if(sessions, [now](const auto& each) { return !is_usable(each, now); });
  std::optional<UpstreamSession> newest;
  if (!sessions.empty()) {
    if (SSL_SESSION_get_protocol_version(sessions.back().handle.get()) >= TLS1_3_VERSION) {
      newest = std::move(sessions.back());
      sessions.pop_back();
    } else {
      SSL_SESSION_up_ref(sessions.back().handle.get());
      newest =
          UpstreamSession{SessionPtr(sessions.back().handle.get()), sessions.back().verified_until};
    }
  }
  if (sessions.empty()) {
    drop(key);
  }
  return newest;
}

void SessionCache::put(const std::string& key, UpstreamSession session, Time now) {
  if (!is_usable(session, now)) {
    return;
  }
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (by_use_.size() == capacity_) {
      by_key_.erase(by_use_.back().key);
      by_use_.pop_back();
    }
    by_use_.push_front({key, {}});
    found = by_key_.emplace(key, by_use_.begin()).first;
  }
  auto& sessions = found->second->sessions;
  if (sessions.size() == kPerKey) {
    sessions.erase(sessions.begin());
  }
  sessions.push_back(std::move(session));
}

void SessionCache::drop(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    by_use_.erase(found->second);
    by_key_.erase(found);
  }
}

void SessionCache::clear() {
  by_key_.clear();
  by_use_.clear();
}

}  // namespace agp::tls
