#include "daemon/tls/session_cache.h"

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

using std::chrono::minutes;
using std::chrono::system_clock;

system_clock::time_point now() {
  return system_clock::now();
}

// Enough of a session for OpenSSL to call it resumable.
UpstreamSession session(int version, system_clock::time_point until = now() + minutes(60)) {
  SessionPtr made(SSL_SESSION_new());
  static constexpr unsigned char kId[] = {1, 2, 3, 4};
  SSL_SESSION_set1_id(made.get(), kId, sizeof kId);
  SSL_SESSION_set_protocol_version(made.get(), version);
  SSL_SESSION_set_time(made.get(), system_clock::to_time_t(now()));
  SSL_SESSION_set_timeout(made.get(), 7200);
  return {std::move(made), until};
}

TEST(SessionCache, KeysTellHostsAndOffersApart) {
  const auto key = SessionCache::key("a.example", {"h2", "http/1.1"});
  EXPECT_NE(key, SessionCache::key("a.example", {"http/1.1", "h2"}));
  EXPECT_NE(key, SessionCache::key("a.example", {}));
  EXPECT_NE(key, SessionCache::key("b.example", {"h2", "http/1.1"}));
  EXPECT_NE(SessionCache::key("a", {"bc"}), SessionCache::key("a", {"b", "c"}));
}

TEST(SessionCache, OneOfTls13IsUsedOnceAndOneOfTls12Again) {
  SessionCache cache;
  cache.put("13", session(TLS1_3_VERSION), now());
  cache.put("12", session(TLS1_2_VERSION), now());
  EXPECT_TRUE(cache.take("13", now()));
  EXPECT_FALSE(cache.take("13", now()));
  EXPECT_TRUE(cache.take("12", now()));
  EXPECT_TRUE(cache.take("12", now()));
}

TEST(SessionCache, NothingIsUsedPastItsVerificationOrItsOwnLife) {
  SessionCache cache;
  cache.put("a", session(TLS1_2_VERSION, now() + minutes(10)), now());
  EXPECT_TRUE(cache.take("a", now() + minutes(9)));
  EXPECT_FALSE(cache.take("a", now() + minutes(10)));
  cache.put("b", session(TLS1_2_VERSION, now() + minutes(600)), now());
  EXPECT_FALSE(cache.take("b", now() + minutes(121)));
  cache.put("c", session(TLS1_2_VERSION), now());
  EXPECT_FALSE(cache.take("c", now() - minutes(30)));  // the clock was set back
}

// threat-model 60
TEST(SessionCache, IsBoundedInKeysAndSessions) {
  SessionCache cache(2);
  for (const char* key : {"a", "b", "c"}) {
    for (std::size_t i = 0; i < 2 * SessionCache::kPerKey; ++i) {
      cache.put(key, session(TLS1_3_VERSION), now());
    }
  }
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_FALSE(cache.take("a", now()));
  for (std::size_t i = 0; i < SessionCache::kPerKey; ++i) {
    EXPECT_TRUE(cache.take("c", now()));
  }
  EXPECT_FALSE(cache.take("c", now()));
}

TEST(SessionCache, ForgetsOnDemand) {
  SessionCache cache;
  cache.put("a", session(TLS1_2_VERSION), now());
  cache.put("b", session(TLS1_2_VERSION), now());
  cache.drop("a");
  EXPECT_FALSE(cache.take("a", now()));
  cache.clear();
  EXPECT_FALSE(cache.take("b", now()));
}

}  // namespace
}  // namespace agp::tls
