#include "daemon/ls/finder_wire.h"

#include "daemon/control/errors.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

Session session() {
  Session session;
  session.pid = 7;
  session.uid = 1000;
  session.start_time = 18'000'000'000'000'000'000U;
  session.binary_path = "/opt/Antigravity/language_server_linux_x64";
  session.extension_server_port = 4242;
  session.csrf_token = Secret<std::string>("one\"\\\n\xff");
  session.extension_csrf_token = Secret<std::string>("two");
  session.workspace_id = "file_srv_a";
  session.app_data_dir = "antigravity\xc3";
  return session;
}

SessionFinder::Found found() {
  SessionFinder::Found found;
  found.session = session();
  found.outcome.candidates = {"dev"};
  found.outcome.session =
      control::IdeSession{session().fingerprint(), "dev", session().binary_path};
  SessionInfo used;
  used.id = "7-18";
  used.uid = 1000;
  used.user = "dev";
  used.pid = 7;
  used.kind = Kind::core;
  used.era = Era::e2;
  used.workspace_id = "file_srv_a";
  used.app_data_dir = "antigravity\xc3";
  used.version = "1.21.6";
  used.since = std::chrono::system_clock::from_time_t(1'700'000'000);
  used.is_usable = true;
  used.is_in_use = true;
  used.wrappers = {5, 6};
  SessionInfo other = used;
  other.id = "8-19";
  other.pid = 8;
  other.kind = Kind::agy;
  other.era = Era::e3;
  other.is_remote = true;
  other.is_usable = false;
  other.is_in_use = false;
  other.reason = "holds its language server inside itself";
  found.all.sessions = {used, other};
  return found;
}

std::string answer() {
  std::string line = encode_answer(found());
  line.pop_back();
  return line;
}

/// An honest answer in which one piece of text has been replaced.
Result<SessionFinder::Found> forged(std::string_view from, std::string_view to) {
  std::string line = answer();
  const auto at = line.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return decode_answer(line.replace(at, from.size(), to));
}

TEST(FinderWire, AQuestionArrivesAsItWasAsked) {
  for (const auto& keep : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(0),
                           std::optional<std::uint64_t>(18'446'744'073'709'551'615U)}) {
    std::string line = encode_question({"dev\n", keep});
    ASSERT_EQ(line.find('\n'), line.size() - 1) << "one line";
    line.pop_back();
    const auto question = decode_question(line);
    ASSERT_TRUE(question);
    EXPECT_EQ(question->user, "dev\n");
    EXPECT_EQ(question->keep, keep);
  }
}

TEST(FinderWire, WhatIsNoQuestionIsRefused) {
  for (const char* line :
       {"", "x", "[]", "{}", R"({"version":2,"user":"dev","keep":null})",
        R"({"version":1,"user":7,"keep":null})", R"({"version":1,"user":"","keep":null})",
        R"({"version":1,"user":"dev","keep":"7"})", R"({"version":1,"user":"dev","keep":-1})"}) {
    EXPECT_FALSE(decode_question(line)) << line;
  }
}

TEST(FinderWire, AnAnswerArrivesAsItWasGivenThoughItsOctetsAreNoText) {
  const std::string line = answer();
  EXPECT_EQ(line.find('\n'), std::string::npos) << "one line";
  const auto got = decode_answer(line);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->all, found().all);
  EXPECT_EQ(got->outcome.session, found().outcome.session) << "the fingerprint is made here";
  EXPECT_EQ(got->outcome.candidates, found().outcome.candidates);
  ASSERT_TRUE(got->session);
  EXPECT_EQ(got->session->csrf_token.expose(), session().csrf_token.expose());
  EXPECT_EQ(got->session->extension_csrf_token.expose(), "two");
  EXPECT_EQ(got->session->start_time, session().start_time);
  EXPECT_EQ(got->session->extension_server_port, 4242);
}

TEST(FinderWire, NothingFoundArrivesWithItsReasons) {
  SessionFinder::Found nothing;
  nothing.outcome.hint = "a hint";
  nothing.outcome.candidates = {"a", "b"};
  nothing.outcome.obstacle = control::Obstacle{"hidden", "do this"};
  std::string line = encode_answer(std::move(nothing));
  line.pop_back();
  const auto got = decode_answer(line);
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->session);
  EXPECT_FALSE(got->outcome.session);
  EXPECT_EQ(got->outcome.hint, "a hint");
  EXPECT_EQ(got->outcome.candidates, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(got->outcome.obstacle, (control::Obstacle{"hidden", "do this"}));
}

TEST(FinderWire, ErrorsArriveAsWhatTheyAre) {
  for (const auto code : {control::Errc::user_unknown, control::Errc::scan_failed}) {
    std::string line = encode_answer(Error{code, "user x"});
    line.pop_back();
    const auto got = decode_answer(line);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, code);
    EXPECT_EQ(got.error().context, "user x");
  }
}

TEST(FinderWire, EveryPartOfAnAnswerIsNoAnswer) {
  const std::string line = answer();
  for (std::size_t size = 0; size < line.size(); ++size) {
    const auto got = decode_answer(std::string_view(line).substr(0, size));
    ASSERT_FALSE(got) << size;
    EXPECT_EQ(got.error().code, control::Errc::scan_failed);
  }
}

TEST(FinderWire, WhatCannotBeIsNoAnswer) {
  const std::string long_text(64 * 1024 + 1, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {"\"version\":1", "\"version\":2"},
      {"4242", "0"},
      {"4242", "65536"},
      {"4242", "-1"},
      {"4242", "\"4242\""},
      {R"("uid":1000,"start_time")", R"("uid":1001,"start_time")"},  // not the one in use
      {R"("pid":7,"uid":1000,"start_time")", R"("pid":9,"uid":1000,"start_time")"},
      {R"("pid":7,"kind")", R"("pid":0,"kind")"},
      {R"("pid":7,"kind")", R"("pid":2147483648,"kind")"},
      {"\"core\"", "\"other\""},
      {"\"e2\"", "7"},
      {"[5,6]", "[5,-6]"},
      {"[5,6]", "[5,\"6\"]"},
      {"[5,6]", "7"},
      {"\"is_in_use\":true", "\"is_in_use\":false"},
      {"\"is_remote\":false", "\"is_remote\":0"},
      {"[\"dev\"]", "[\"dev\",\"other\"]"},
      {"[\"dev\"]", "[7]"},
      {"\"/opt/", "\"opt/"},
      {"\"two\"", "\"t\\u0000wo\""},
      {"\"two\"", "\"" + long_text + "\""},
      {"\"1.21.6\"", "\"" + long_text.substr(0, SessionList::kShownText + 1) + "\""},
      {R"("csrf_token":"one)", R"("csrf_token":"","other":"one)"},  // no login to share
  };
  for (const auto& [from, to] : cases) {
    const auto got = forged(from, to);
    ASSERT_FALSE(got) << from << " -> " << to.substr(0, 80);
    EXPECT_EQ(got.error().code, control::Errc::scan_failed);
  }
  EXPECT_TRUE(forged("\"two\"", "\"zwei\"")) << "these forgeries are of a sound answer";
}

TEST(FinderWire, MoreSessionsThanALookTakesAreNoAnswer) {
  SessionFinder::Found many;
  many.all.sessions.assign(256, found().all.sessions[1]);
  std::string most = encode_answer(std::move(many));
  most.pop_back();
  EXPECT_TRUE(decode_answer(most));
  SessionFinder::Found more;
  more.all.sessions.assign(257, found().all.sessions[1]);
  std::string line = encode_answer(std::move(more));
  line.pop_back();
  EXPECT_FALSE(decode_answer(line));
}

TEST(FinderWire, TheLongestAnswerFitsIntoTheLimit) {
  SessionFinder::Found most = found();
  const std::string shown(SessionList::kShownText, '\x01');  // six octets each on the wire
  for (auto& info : most.all.sessions) {
    info.workspace_id = info.app_data_dir = info.version = shown;
  }
  most.all.sessions.resize(256, most.all.sessions[1]);
  // What one command line of 64 KiB can fill.
  most.session->workspace_id = std::string(64 * 1024, '\x01');
  EXPECT_LT(encode_answer(std::move(most)).size(), kAnswerLimit);
}

}  // namespace
}  // namespace agp::ls
