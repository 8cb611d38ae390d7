#include "daemon/ls/source_choice.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const Error kMissing{Errc::unimplemented, ""};
const Error kDisabled{Errc::disabled, ""};
const Error kBroken{Errc::unreachable, ""};

class SourceChoiceTest : public ::testing::Test {
 protected:
  LiveSource source(const std::string& instance) { return choice.source(instance, now); }
  bool fails(const std::string& instance, LiveSource source, const Error& error) {
    return choice.on_failed(instance, source, error, now);
  }

  SourceChoice choice;
  SourceChoice::TimePoint now{seconds(100)};
};

TEST_F(SourceChoiceTest, GoesDownTheWaysThatAreRefusedAndRemembersIt) {
  EXPECT_EQ(source("a"), LiveSource::agent_state);
  EXPECT_TRUE(fails("a", LiveSource::agent_state, kMissing));
  EXPECT_EQ(source("a"), LiveSource::reactive);
  EXPECT_TRUE(fails("a", LiveSource::reactive, kDisabled));
  EXPECT_EQ(source("a"), LiveSource::poll);
  EXPECT_FALSE(fails("a", LiveSource::poll, kMissing));
  EXPECT_EQ(source("b"), LiveSource::agent_state);
  now += minutes(60);
  EXPECT_EQ(source("a"), LiveSource::poll);
}

TEST_F(SourceChoiceTest, LetsAWayThatBreaksAgainAndAgainRestForAWhile) {
  EXPECT_FALSE(fails("a", LiveSource::agent_state, kBroken));
  EXPECT_FALSE(fails("a", LiveSource::agent_state, kBroken));
  choice.on_worked("a", LiveSource::agent_state);
  EXPECT_FALSE(fails("a", LiveSource::agent_state, kBroken));
  EXPECT_FALSE(fails("a", LiveSource::agent_state, kBroken));
  EXPECT_TRUE(fails("a", LiveSource::agent_state, kBroken));
  EXPECT_EQ(source("a"), LiveSource::reactive);
  now += minutes(5);
  EXPECT_EQ(source("a"), LiveSource::agent_state);
  EXPECT_FALSE(fails("a", LiveSource::agent_state, kBroken));
}

TEST_F(SourceChoiceTest, DoesNotBlameTheWayForTheLoginTheCallerOrTheConversation) {
  for (const Errc code :
       {Errc::unauthenticated, Errc::permission_denied, Errc::canceled, Errc::not_found}) {
    for (int i = 0; i < 9; ++i) {
      EXPECT_FALSE(fails("a", LiveSource::agent_state, {code, ""}));
    }
  }
  EXPECT_EQ(source("a"), LiveSource::agent_state);
}

TEST_F(SourceChoiceTest, TwoTurnsThatFindOutAtOnceGoDownOneStep) {
  EXPECT_TRUE(fails("a", LiveSource::agent_state, kMissing));
  EXPECT_TRUE(fails("a", LiveSource::agent_state, kMissing));
  EXPECT_EQ(source("a"), LiveSource::reactive);
}

TEST_F(SourceChoiceTest, ForgetsTheOldestOfManyLanguageServers) {
  for (int i = 0; i < 17; ++i) {
    EXPECT_TRUE(fails("ls" + std::to_string(i), LiveSource::agent_state, kMissing));
  }
  EXPECT_EQ(source("ls0"), LiveSource::agent_state);
  EXPECT_EQ(source("ls1"), LiveSource::reactive);
  EXPECT_EQ(source("ls16"), LiveSource::reactive);
}

}  // namespace
}  // namespace agp::ls
