#include "daemon/ls/remote_finder.h"

#include "daemon/control/errors.h"
#include "daemon/ls/finder_wire.h"
#include "daemon/ls/line_socket.h"
#include "tests/daemon/ls/scripted_finder.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using namespace std::chrono_literals;

auto soon() {
  return std::chrono::steady_clock::now() + 20s;
}

FinderQuestion question_of(int peer) {
  const auto line = receive_line(peer, kQuestionLimit, soon());
  const auto question = decode_question(line ? *line : "");
  EXPECT_TRUE(question);
  return question ? *question : FinderQuestion();
}

/// Answers with the session of this user, or with nothing.
ScriptedFinder::Turn answers(std::optional<uid_t> uid) {
  return [uid](int peer) {
    (void)question_of(peer);
    SessionFinder::Found found;
    if (uid) {
      found.session.emplace();
      found.session->pid = 7;
      found.session->uid = *uid;
      found.session->extension_server_port = 1;
      found.session->csrf_token = Secret<std::string>("marked-token");
      found.outcome.candidates = {"somebody"};
      SessionInfo info;
      info.pid = 7;
      info.uid = *uid;
      info.user = "somebody";
      info.is_in_use = true;
      found.all.sessions.push_back(info);
    }
    EXPECT_TRUE(send_line(peer, encode_answer(std::move(found)), soon()));
  };
}

ScriptedFinder::Turn says(const std::string& text) {
  return [text](int peer) {
    (void)question_of(peer);
    (void)send_line(peer, text, soon());  // it may have gone already
  };
}

void dies(int peer) {
  (void)question_of(peer);
}

class RemoteFinderTest : public ::testing::Test {
 protected:
  Result<SessionFinder::Found> find(std::chrono::milliseconds limit = 20s,
                                    const std::string& user = "auto",
                                    const std::string& own = "no-such-account") {
    RemoteFinder::Options options;
    options.socket = peer.path();
    options.user = user;
    options.own_ls_account = own;
    options.limit = limit;
    return RemoteFinder(options).find(7);
  }
  void expect_failure(const Result<SessionFinder::Found>& found, const std::string& why) {
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, control::Errc::scan_failed);
    EXPECT_NE(found.error().text().find(why), std::string::npos) << found.error().text();
    EXPECT_EQ(found.error().text().find("marked-token"), std::string::npos);
  }

  ScriptedFinder peer;
};

TEST_F(RemoteFinderTest, AsksForTheUserAndTheSessionInUse) {
  peer.play({[](int fd) {
    const auto question = question_of(fd);
    EXPECT_EQ(question.user, "dev");
    EXPECT_EQ(question.keep, 7U);
    EXPECT_TRUE(send_line(fd, encode_answer(SessionFinder::Found()), soon()));
  }});
  const auto found = find(20s, "dev");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_FALSE(found->session);
}

TEST_F(RemoteFinderTest, GivesWhatWasFound) {
  peer.play({answers(4242)});
  const auto found = find();
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_TRUE(found->session);
  EXPECT_EQ(found->session->uid, 4242U);
  EXPECT_EQ(found->outcome.session->user, "somebody");
}

TEST_F(RemoteFinderTest, OneThatDiesUnderTheQuestionIsAskedOnceMore) {
  peer.play({dies, answers(4242)});
  EXPECT_TRUE(find());
  EXPECT_EQ(peer.finish(), 2);
}

TEST_F(RemoteFinderTest, OneThatDiesAgainIsAnError) {
  peer.play({dies, dies, answers(4242)});
  expect_failure(find(), "antigravity-proxy-finder does not answer");
  EXPECT_EQ(peer.finish(), 2) << "not asked for ever";
}

TEST_F(RemoteFinderTest, OneThatIsSilentIsWaitedForNoLongerThanTheLimit) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd until(ends[0]);
  const UniqueFd held(ends[1]);
  peer.play({[&held](int fd) {
    (void)question_of(fd);
    char octet = 0;
    (void)::recv(held.get(), &octet, 1, 0);  // until the test has its error
  }});
  expect_failure(find(50ms), "does not answer");
  until.reset();
}

TEST_F(RemoteFinderTest, OneThatAcceptsNothingIsWaitedForNoLongerThanTheLimit) {
  expect_failure(find(20ms), "does not answer");
}

TEST_F(RemoteFinderTest, OneThatIsNotThereIsAnError) {
  RemoteFinder::Options options;
  options.socket = peer.path() + ".not";
  expect_failure(RemoteFinder(options).find({}), "does not answer");
  options.socket = std::string(200, 'x');
  expect_failure(RemoteFinder(options).find({}), "does not answer");
}

TEST_F(RemoteFinderTest, GarbageIsAnError) {
  for (const std::string garbage : {"\n", "{}\n", "\xff\xfe\n", "{\"version\":1}\n"}) {
    ScriptedFinder fresh;
    fresh.play({says(garbage)});
    RemoteFinder::Options options;
    options.socket = fresh.path();
    expect_failure(RemoteFinder(options).find({}), "the answer of the finder");
  }
}

TEST_F(RemoteFinderTest, AnAnswerWithoutAnEndIsAnError) {
  peer.play({says(std::string(kAnswerLimit + 2, 'x'))});
  expect_failure(find(), "does not answer");
}

// threat-model 93
TEST_F(RemoteFinderTest, ASessionThatNobodyAskedForIsNotTaken) {
  peer.play({answers(4242), answers(0), answers(4242)});
  expect_failure(find(20s, "root"), "not asked for");
  EXPECT_TRUE(find(20s, "root"));
  expect_failure(find(20s, "no-such-user"), "not asked for");
}

// threat-model 93
TEST_F(RemoteFinderTest, TheLanguageServersOwnAccountHasNoSession) {
  peer.play({answers(0)});
  expect_failure(find(20s, "auto", "root"), "not asked for");
}

}  // namespace
}  // namespace agp::ls
