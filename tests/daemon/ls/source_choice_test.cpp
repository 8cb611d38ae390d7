#include "daemon/ls/source_choice.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

const Error kMissing{Errc::unimplemented, ""};
const Error kDisabled{Errc::disabled, ""};
const Error kBroken{Errc::unreachable, ""};

TEST(SourceChoice, GoesDownTheWaysThatAreRefusedAndRemembersIt) {
  SourceChoice choice;
  EXPECT_EQ(choice.source("a"), LiveSource::agent_state);
  EXPECT_TRUE(choice.on_failed("a", LiveSource::agent_state, kMissing));
  EXPECT_EQ(choice.source("a"), LiveSource::reactive);
  EXPECT_TRUE(choice.on_failed("a", LiveSource::reactive, kDisabled));
  EXPECT_EQ(choice.source("a"), LiveSource::poll);
  EXPECT_FALSE(choice.on_failed("a", LiveSource::poll, kMissing));
  EXPECT_EQ(choice.source("a"), LiveSource::poll);
  EXPECT_EQ(choice.source("b"), LiveSource::agent_state);
}

TEST(SourceChoice, GivesAWayUpThatBreaksAgainAndAgain) {
  SourceChoice choice;
  EXPECT_FALSE(choice.on_failed("a", LiveSource::agent_state, kBroken));
  EXPECT_FALSE(choice.on_failed("a", LiveSource::agent_state, kBroken));
  choice.on_worked("a", LiveSource::agent_state);
  EXPECT_FALSE(choice.on_failed("a", LiveSource::agent_state, kBroken));
  EXPECT_FALSE(choice.on_failed("a", LiveSource::agent_state, kBroken));
  EXPECT_TRUE(choice.on_failed("a", LiveSource::agent_state, kBroken));
  EXPECT_EQ(choice.source("a"), LiveSource::reactive);
}

TEST(SourceChoice, DoesNotBlameTheWayForTheLoginTheCallerOrTheConversation) {
  SourceChoice choice;
  for (const Errc code : {Errc::unauthenticated, Errc::permission_denied, Errc::canceled,
                          Errc::not_found, Errc::deadline_exceeded}) {
    for (int i = 0; i < 9; ++i) {
      EXPECT_FALSE(choice.on_failed("a", LiveSource::agent_state, {code, ""}));
    }
  }
  EXPECT_EQ(choice.source("a"), LiveSource::agent_state);
}

TEST(SourceChoice, TwoTurnsThatFindOutAtOnceGoDownOneStep) {
  SourceChoice choice;
  EXPECT_TRUE(choice.on_failed("a", LiveSource::agent_state, kMissing));
  EXPECT_TRUE(choice.on_failed("a", LiveSource::agent_state, kMissing));
  EXPECT_EQ(choice.source("a"), LiveSource::reactive);
}

TEST(SourceChoice, ForgetsTheOldestOfManyLanguageServers) {
  SourceChoice choice;
  for (int i = 0; i < 17; ++i) {
    EXPECT_TRUE(choice.on_failed("ls" + std::to_string(i), LiveSource::agent_state, kMissing));
  }
  EXPECT_EQ(choice.source("ls0"), LiveSource::agent_state);
  EXPECT_EQ(choice.source("ls1"), LiveSource::reactive);
  EXPECT_EQ(choice.source("ls16"), LiveSource::reactive);
}

}  // namespace
}  // namespace agp::ls
