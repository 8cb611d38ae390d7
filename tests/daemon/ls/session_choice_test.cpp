#include "daemon/ls/session_choice.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

Session session(pid_t pid, std::vector<pid_t> ancestors, std::string path = "/a/language_server") {
  Session session;
  session.pid = pid;
  session.uid = 1000;
  session.start_time = static_cast<std::uint64_t>(pid);
  session.ancestors = std::move(ancestors);
  session.binary_path = std::move(path);
  session.extension_server_port = 4000;
  session.csrf_token = Secret<std::string>("secret-token");
  return session;
}

template <class... Each>
std::vector<Session> list(Each... each) {
  std::vector<Session> all;
  (all.push_back(std::move(each)), ...);
  return all;
}

std::string user_of(uid_t uid) {
  return "user" + std::to_string(uid);
}

TEST(WithoutWrappers, KeepsTheChildOfAnotherProgramAndNamesTheWrapper) {
  const auto kept =
      without_wrappers(list(session(10, {5}), session(12, {11, 10, 5}, "/a/language_server.real")));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].pid, 12);
  EXPECT_EQ(kept[0].wrappers, (std::vector<pid_t>{10}));
}

TEST(WithoutWrappers, KeepsTheChildOfAnInterpreterAlsoUnderTheSamePath) {
  auto script = session(10, {5});
  script.is_wrapper = true;
  const auto kept = without_wrappers(list(std::move(script), session(11, {10})));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].pid, 11);
}

TEST(WithoutWrappers, KeepsTheParentOfACopyBetweenForkAndExec) {
  const auto kept = without_wrappers(list(session(10, {5}), session(11, {10, 5})));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].pid, 10);
  EXPECT_TRUE(kept[0].wrappers.empty());
}

TEST(WithoutWrappers, KeepsWindowsAndOthersApart) {
  auto other_token = session(11, {10}, "/b/language_server");
  other_token.csrf_token = Secret<std::string>("other");
  auto other_user = session(12, {10}, "/b/language_server");
  other_user.uid = 1001;
  const auto kept = without_wrappers(list(session(10, {}), std::move(other_token),
                                          std::move(other_user), session(13, {}, "/c/agy")));
  EXPECT_EQ(kept.size(), 4U);
}

TEST(OnlyUser, IsNoneForNobodyAndForSeveral) {
  EXPECT_FALSE(only_user({}));
  EXPECT_EQ(only_user(list(session(1, {}), session(2, {}))), 1000U);
  auto other = session(2, {});
  other.uid = 1001;
  EXPECT_FALSE(only_user(list(session(1, {}), std::move(other))));
}

/// A usable window of one user; the number is pid and start time.
Session window(pid_t number, uid_t uid = 1000) {
  auto window = session(number, {}, "/a/antigravity/language_server");
  window.uid = uid;
  window.workspace_id = "file_" + std::to_string(number);
  return window;
}

Session without_workspace(Session session) {
  session.kind = Kind::core;
  session.workspace_id.clear();
  return session;
}

Session agy(pid_t pid) {
  auto agy = session(pid, {}, "/home/ada/.local/bin/agy");
  agy.kind = Kind::agy;
  return agy;
}

TEST(Choose, TakesTheOldestWindowWhateverTheOrder) {
  EXPECT_EQ(choose(list(window(300), window(200), window(400)), {}, {}, {}).index, 1U);
  EXPECT_EQ(choose(list(window(200), window(300), window(400)), {}, {}, {}).index, 0U);
}

TEST(Choose, TakesTheLowestPidOfThoseThatStartedTogether) {
  auto all = list(window(300), window(200));
  all[0].start_time = all[1].start_time;
  EXPECT_EQ(choose(all, {}, {}, {}).index, 1U);
}

TEST(Choose, TakesAWindowBeforeAnOlderOneWithoutAWorkspace) {
  EXPECT_EQ(choose(list(without_workspace(window(200)), window(300)), {}, {}, {}).index, 1U);
  EXPECT_EQ(choose(list(without_workspace(window(200))), {}, {}, {}).index, 0U);
}

TEST(Choose, KeepsTheOneInUseAlsoWithoutAWorkspace) {
  const auto all = list(window(300), window(200), without_workspace(window(400)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(choose(all, {}, {}, all[i].fingerprint()).index, i);
  }
}

TEST(Choose, LetsGoOfTheOneInUseWhenItsLoginIsGone) {
  auto all = list(window(300), window(200));
  all[0].has_lost_extension_server = true;
  EXPECT_EQ(choose(all, {}, {}, all[0].fingerprint()).index, 1U);
}

TEST(Choose, AsksWhenSeveralUsersRunTheIdeUnlessOneIsNamed) {
  const auto found = list(window(1, 1000), window(2, 1001));
  const auto open = choose(found, {}, {}, found[0].fingerprint());
  EXPECT_FALSE(open.index);
  EXPECT_EQ(open.users.size(), 2U);
  EXPECT_EQ(choose(found, 1001, {}, {}).index, 1U);
  EXPECT_FALSE(choose(found, 1002, {}, {}).index);
}

TEST(Choose, DoesNotAskForTheSakeOfAUserWithNothingUsable) {
  auto other = agy(2);
  other.uid = 1001;
  EXPECT_EQ(choose(list(std::move(other), window(3)), {}, {}, {}).index, 1U);
}

TEST(Choose, NeverTakesOurOwnLanguageServer) {
  const auto found = list(window(1, 990), window(2, 1000));
  EXPECT_EQ(choose(found, {}, {990}, {}).index, 1U);
  EXPECT_FALSE(choose(found, 990, {990}, {}).index);
}

TEST(Choose, SaysWhyAFoundOneCannotBeUsedAndPrefersToSpeakOfTheIde) {
  auto bare = window(100);
  bare.extension_server_port = 0;
  const auto choice = choose(list(std::move(bare), agy(5)), {}, {}, {});
  EXPECT_FALSE(choice.index);
  EXPECT_NE(choice.hint.find("pid 100"), std::string::npos) << choice.hint;
  EXPECT_NE(choose(list(agy(5)), {}, {}, {}).hint.find("agy with pid 5"), std::string::npos);
}

/// Sessions begin as many seconds after the epoch as their start time says.
SessionList described(const std::vector<Session>& all, const Choice& choice) {
  return describe(all, choice, {user_of, [](const Session& session) {
                                  return std::chrono::system_clock::time_point(
                                      std::chrono::seconds(session.start_time));
                                }});
}

TEST(Describe, SaysWhichOneIsInUseAndWhyNotTheOthers) {
  const auto all = list(agy(3), without_workspace(window(4)), window(1), window(2));
  const auto shown = described(all, choose(all, {}, {}, {}));
  ASSERT_EQ(shown.sessions.size(), 4U);
  const auto& used = shown.sessions[0];
  EXPECT_EQ(used.pid, 1);
  EXPECT_EQ(used.id, "1-1");
  EXPECT_EQ(used.user, "user1000");
  EXPECT_EQ(used.workspace_id, "file_1");
  EXPECT_EQ(used.since.time_since_epoch(), std::chrono::seconds(1));
  EXPECT_TRUE(used.is_in_use && used.is_usable);
  EXPECT_EQ(used.reason, "");
  EXPECT_EQ(shown.in_use(), &used);
  EXPECT_EQ(shown.sessions[1].reason, "the session with pid 1 of the same user is in use");
  EXPECT_TRUE(shown.sessions[1].is_usable);
  EXPECT_FALSE(shown.sessions[2].is_usable);
  EXPECT_TRUE(shown.sessions[2].reason.starts_with("agy with pid 3 "));
  EXPECT_EQ(shown.sessions[3].reason,
            "it has no workspace, and the window with pid 1 of the same user is in use");
}

TEST(Describe, OrdersByUserThenAge) {
  const auto all = list(window(5, 1001), window(9), window(7));
  const auto shown = described(all, choose(all, {}, {}, {}));
  std::vector<pid_t> pids;
  for (const auto& info : shown.sessions) {
    pids.push_back(info.pid);
  }
  EXPECT_EQ(pids, (std::vector<pid_t>{7, 9, 5}));
}

TEST(Describe, AsksForAUserWhenThereAreSeveral) {
  const auto all = list(window(1), window(2, 1001));
  const auto shown = described(all, choose(all, {}, {}, {}));
  EXPECT_EQ(shown.in_use(), nullptr);
  for (const auto& info : shown.sessions) {
    EXPECT_NE(info.reason.find("language_server.user"), std::string::npos);
  }
}

TEST(Describe, CutsTextsThatAUserMadeLong) {
  auto all = list(window(1));
  all[0].workspace_id.assign(SessionList::kShownText + 1, 'x');
  const auto shown = described(all, choose(all, {}, {}, {}));
  EXPECT_EQ(shown.sessions[0].workspace_id.size(), SessionList::kShownText);
}

}  // namespace
}  // namespace agp::ls
