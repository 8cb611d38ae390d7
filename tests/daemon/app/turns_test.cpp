#include "daemon/app/turns.h"

#include "daemon/ls/errors.h"

#include <gtest/gtest.h>

namespace agp::app {
namespace {

using api::openai::FinishReason;

class Heard final : public api::TurnListener {
 public:
  void on_event(const api::openai::TurnEvent& event) override { events.push_back(event); }
  std::vector<api::openai::TurnEvent> events;
};

TEST(TurnTranslator, TellsStartAndTexts) {
  Heard heard;
  TurnTranslator translator(&heard);
  translator.on_started("c-1", "gemini-3-flash");
  translator.on_event(ls::RunStatusChanged{"RUNNING"});
  translator.on_event(ls::TextGrown{"Hel"});
  translator.on_event(ls::TextRewritten{"Bye"});
  translator.on_event(ls::TurnDone{"stop"});
  ASSERT_EQ(heard.events.size(), 3U);
  EXPECT_EQ(std::get<api::openai::TurnStarted>(heard.events[0]).cascade_id, "c-1");
  EXPECT_EQ(std::get<api::openai::TurnStarted>(heard.events[0]).model, "gemini-3-flash");
  EXPECT_EQ(std::get<api::openai::TextAppended>(heard.events[1]).text, "Hel");
  EXPECT_EQ(std::get<api::openai::TextReplaced>(heard.events[2]).text, "Bye");
}

TEST(TurnTranslator, KnowsWhichCallsThereWere) {
  Heard heard;
  TurnTranslator translator(&heard);
  translator.on_event(ls::StepChanged{1, "USER_INPUT", "DONE", true});
  translator.on_event(ls::StepChanged{2, "PLANNER_RESPONSE", "GENERATING", true});
  translator.on_event(ls::StepChanged{2, "PLANNER_RESPONSE", "DONE", false});
  translator.on_event(ls::StepChanged{4, "PLANNER_RESPONSE", "GENERATING", true});
  translator.on_event(ls::ResponseNamed{{"r-1", 2}});
  const auto outcome = translator.outcome(ls::TurnResult{"c-1", "", "Hi", "m", "max_tokens"});
  EXPECT_EQ(outcome.answers, 2U);
  EXPECT_EQ(outcome.response_ids, std::vector<std::string>{"r-1"});
  EXPECT_EQ(std::get<FinishReason>(outcome.end), FinishReason::max_tokens);
}

TEST(TurnTranslator, EveryReasonToStopHasItsWord) {
  const std::vector<std::pair<const char*, FinishReason>> reasons{
      {"stop", FinishReason::stop},
      {"", FinishReason::stop},
      {"max_tokens", FinishReason::max_tokens},
      {"content_filter", FinishReason::content_filter},
      {"incomplete", FinishReason::interrupted}};
  for (const auto& [word, reason] : reasons) {
    Heard heard;
    TurnTranslator translator(&heard);
    const auto outcome = translator.outcome(ls::TurnResult{"c", "", "", "m", word});
    EXPECT_EQ(std::get<FinishReason>(outcome.end), reason) << word;
  }
}

TEST(TurnError, HasAStatusAndAReason) {
  const std::vector<std::pair<ls::Errc, unsigned>> statuses{
      {ls::Errc::not_found, 404U},   {ls::Errc::unknown_model, 404U},
      {ls::Errc::needs_user, 422U},  {ls::Errc::resource_exhausted, 429U},
      {ls::Errc::busy, 429U},        {ls::Errc::model_failed, 502U},
      {ls::Errc::no_answer, 502U},   {ls::Errc::not_ready, 503U},
      {ls::Errc::unreachable, 503U}, {ls::Errc::unavailable, 503U},
      {ls::Errc::stalled, 504U},     {ls::Errc::deadline_exceeded, 504U}};
  for (const auto& [code, status] : statuses) {
    const auto error = turn_error(Error(code, "said by it"));
    EXPECT_EQ(error.status, status) << static_cast<int>(code);
    EXPECT_EQ(error.message, "said by it");
    EXPECT_FALSE(error.code.empty());
  }
  EXPECT_EQ(turn_error(Error(ls::Errc::unknown_model, "x")).param, "model");
}

}  // namespace
}  // namespace agp::app
