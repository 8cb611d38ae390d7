#include "daemon/ls/session_list.h"

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

SessionInfo session(pid_t pid, uid_t uid) {
  SessionInfo session;
  session.pid = pid;
  session.uid = uid;
  return session;
}

TEST(SessionList, ShowsAUserOnlyItsOwn) {
  const SessionList all{{session(1, 1000), session(2, 1001), session(3, 1000)}};
  const SessionList own = all.of(1000);
  ASSERT_EQ(own.sessions.size(), 2U);
  EXPECT_EQ(own.sessions[0].pid, 1);
  EXPECT_EQ(own.sessions[1].pid, 3);
  EXPECT_TRUE(all.of(0).sessions.empty());
}

TEST(SessionList, KnowsTheOneInUse) {
  SessionList list{{session(1, 1000), session(2, 1000)}};
  EXPECT_EQ(list.in_use(), nullptr);
  list.sessions[1].is_in_use = true;
  ASSERT_NE(list.in_use(), nullptr);
  EXPECT_EQ(list.in_use()->pid, 2);
}

TEST(SessionList, HasStableWords) {
  EXPECT_STREQ(to_string(Kind::ide), "ide");
  EXPECT_STREQ(to_string(Kind::core), "core");
  EXPECT_STREQ(to_string(Kind::hub), "hub");
  EXPECT_STREQ(to_string(Kind::agy), "agy");
  EXPECT_STREQ(to_string(Era::unknown), "unknown");
  EXPECT_STREQ(to_string(Era::e1), "e1");
  EXPECT_STREQ(to_string(Era::e2), "e2");
  EXPECT_STREQ(to_string(Era::e3), "e3");
}

}  // namespace
}  // namespace agp::ls
