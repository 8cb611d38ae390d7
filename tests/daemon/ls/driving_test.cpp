// The turn driver against the Go doubles of each era, and of each way in which they misbehave.
// AGP_DOUBLES names the folder with the built doubles.

#include "daemon/ls/errors.h"
#include "daemon/ls/ls_driver.h"
#include "tests/daemon/ls/doubles.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Puts the answer together as a client would that only ever appends or starts again.
class Listener final : public TurnSink {
 public:
  void on_started(const std::string& cascade_id, const std::string&) override {
    EXPECT_TRUE(cascade.empty()) << "started twice";
    cascade = cascade_id;
    if (when_started) {
      when_started();
    }
  }
  void on_event(const TurnEvent& event) override {
    EXPECT_FALSE(cascade.empty()) << "an event before the start";
    EXPECT_FALSE(is_over) << "an event after the last one";
    if (const auto* grown = std::get_if<TextGrown>(&event)) {
      text += grown->delta;
      ++growths;
      if (when_growing) {
        when_growing();
      }
    } else if (const auto* rewritten = std::get_if<TextRewritten>(&event)) {
      replaced = text;
      text = rewritten->text;
      ++rewritings;
    }
    is_over = std::holds_alternative<TurnDone>(event) ||
              std::holds_alternative<TurnFailed>(event) ||
              std::holds_alternative<UserNeeded>(event);
  }

  std::string cascade;
  std::string text;
  unsigned growths = 0;
  unsigned rewritings = 0;
  std::string replaced;  // by the last of them
  bool is_over = false;
  std::function<void()> when_started;
  std::function<void()> when_growing;
};

/// Counts what runs and remembers what was answered.
class Watcher final : public ConversationWatcher {
 public:
  void on_conversation(const std::string&, const std::string&) override {}
  void on_trajectory(const std::string&,
                     const std::string& cascade_id,
                     const std::string& trajectory_id) override {
    trajectories[cascade_id] = trajectory_id;
  }
  void on_running(const std::string&, const std::string& cascade_id, bool is_running) override {
    running[cascade_id] += is_running ? 1 : -1;
    most_at_once = std::max(most_at_once, running[cascade_id]);
  }
  void on_response(const std::string& cascade_id,
                   const std::string&,
                   const NamedResponse& response) override {
    responses[cascade_id].push_back(response.response_id);
  }
  std::map<std::string, std::string> trajectories;
  std::map<std::string, int> running;
  std::map<std::string, std::vector<std::string>> responses;
  int most_at_once = 0;
};

class Fixed final : public EndpointSource {
 public:
  std::shared_ptr<const Endpoint> endpoint() const override { return current; }
  std::string unavailable_reason() const override { return "none"; }
  std::shared_ptr<const Endpoint> current;
};

const std::string kSlow = " [[fake:echo,slow;pace=20ms]]";
const std::string kEcho = " [[fake:echo]]";

class Driving : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (built_doubles()) {
      upstream_ = new FakeUpstream;
    }
  }
  static void TearDownTestSuite() {
    delete upstream_;
    upstream_ = nullptr;
  }
  void SetUp() override {
    if (upstream_ == nullptr) {
      GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
    }
    options.watcher = &watcher;
    options.feed.poll = milliseconds(50);
  }

  /// A language server of that era, signed in.
  void start(const std::string& era, const FakeIde::Knobs& knobs = {}) {
    ide_ = std::make_unique<FakeIde>(upstream_, era, knobs);
    source.current = ide_->endpoint();
    ASSERT_NE(source.current->port, 0);
    driver_ = std::make_unique<LsDriver>(&source, options);
  }
  /// The login arrives a moment after the port.
  void wait_for_models() {
    LsDriver asking(&source);
    for (std::vector<Model> models; models.empty();) {
      std::optional<Result<std::vector<Model>>> listed;
      asio::co_spawn(io, asking.models(), [&](std::exception_ptr, auto value) { listed = value; });
      run_until([&] { return listed.has_value(); });
      ASSERT_TRUE(*listed) << listed->error().text();
      models = **listed;
    }
  }
  void run_until(const std::function<bool()>& is_done) {
    io.restart();
    while (!is_done()) {
      io.run_one();
    }
  }

  struct Asked {
    Listener listener;
    asio::cancellation_signal gives_up;
    std::optional<Result<TurnResult>> result;
  };
  std::unique_ptr<Asked> begin(TurnRequest request) {
    auto asked = std::make_unique<Asked>();
    asio::co_spawn(io, driver_->run_turn(std::move(request), &asked->listener),
                   asio::bind_cancellation_slot(
                       asked->gives_up.slot(),
                       [asked = asked.get()](std::exception_ptr bug, Result<TurnResult> value) {
                         EXPECT_FALSE(bug);
                         asked->result.emplace(std::move(value));
                       }));
    return asked;
  }
  Result<TurnResult> end(Asked* asked) {
    run_until([&] { return asked->result.has_value(); });
    return *asked->result;
  }
  Result<TurnResult> ask(const std::string& text, const std::string& cascade_id = "") {
    last_ = begin({"", text, "", cascade_id});
    return end(last_.get());
  }
  /// A question whose answer has its own words in it.
  void expect_answer(const std::string& word, const std::string& more, unsigned growths = 1) {
    const auto result = ask("tell me about " + word + more);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_NE(result->text.find(word), std::string::npos) << result->text;
    EXPECT_EQ(last_->listener.text, result->text);
    EXPECT_TRUE(last_->listener.is_over);
    EXPECT_GE(last_->listener.growths, growths);
    EXPECT_EQ(last_->listener.rewritings, 0U) << word << ", after: " << last_->listener.replaced;
    EXPECT_FALSE(result->trajectory_id.empty());
    EXPECT_EQ(watcher.running[result->cascade_id], 0);
    EXPECT_EQ(watcher.responses[result->cascade_id].size(), 1U);
  }
  Errc failure(const std::string& text) {
    const auto result = ask(text);
    EXPECT_FALSE(result);
    EXPECT_EQ(watcher.running[last_->listener.cascade], 0);
    said_ = result ? result->text : result.error().context;
    return result ? Errc{} : static_cast<Errc>(result.error().code.value());
  }

  asio::io_context io;
  Fixed source;
  Watcher watcher;
  LsDriver::Options options;
  std::unique_ptr<Asked> last_;
  std::string said_;
  std::unique_ptr<LsDriver> driver_;

 private:
  static FakeUpstream* upstream_;
  std::unique_ptr<FakeIde> ide_;
};

FakeUpstream* Driving::upstream_ = nullptr;

class EachEra : public Driving, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EachEra, ::testing::Values("e1", "e2", "e3"));

TEST_P(EachEra, ATurnIsToldAsItGrows) {
  // Polls do not work here: what is told comes by a stream.
  start(GetParam(), {{"fail", "GetCascadeTrajectory=500"}});
  wait_for_models();
  expect_answer("sparrows", kSlow, 3);
  expect_answer("ravens", kSlow, 3);
}

TEST_P(EachEra, ALimitOfLengthReachesTheModelAndEndsTheAnswer) {
  start(GetParam());
  wait_for_models();
  TurnRequest request{"", "sparrows" + kEcho, "", ""};
  request.max_output_tokens = 7;
  last_ = begin(request);
  const auto cut = end(last_.get());
  ASSERT_TRUE(cut) << cut.error().text();
  EXPECT_EQ(cut->stop_reason, "max_tokens");
  // Each message says it anew.
  const auto whole = ask("ravens" + kEcho, cut->cascade_id);
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_EQ(whole->stop_reason, "stop");
}

TEST_P(EachEra, AConversationGoesOnAndItsTurnsDoNotOverlap) {
  start(GetParam());
  wait_for_models();
  expect_answer("sparrows", kEcho);
  const std::string cascade = last_->listener.cascade;
  std::vector<std::unique_ptr<Asked>> turns;
  for (const char* bird : {"ravens", "owls", "wrens"}) {
    turns.push_back(begin({"", "and " + std::string(bird) + kSlow, "", cascade}));
  }
  turns[1]->listener.when_started = [&] {
    EXPECT_TRUE(turns[0]->result);
  };
  turns[2]->listener.when_started = [&] {
    EXPECT_TRUE(turns[1]->result);
  };
  const char* birds[] = {"ravens", "owls", "wrens"};
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const auto result = end(turns[i].get());
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->cascade_id, cascade);
    EXPECT_NE(result->text.find(birds[i]), std::string::npos) << result->text;
    EXPECT_EQ(turns[i]->listener.text, result->text);
  }
  EXPECT_EQ(watcher.most_at_once, 1);
  EXPECT_EQ(watcher.responses[cascade].size(), 4U);
}

TEST_P(EachEra, FiftyConversationsAtOnceGetEachItsOwnAnswer) {
  start(GetParam());
  wait_for_models();
  std::vector<std::unique_ptr<Asked>> turns;
  for (int i = 0; i < 50; ++i) {
    turns.push_back(begin({"", "bird-" + std::to_string(i) + "!" + kEcho, "", ""}));
  }
  std::map<std::string, int> responses;
  for (int i = 0; i < 50; ++i) {
    auto* turn = turns[static_cast<std::size_t>(i)].get();
    const auto result = end(turn);
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_NE(result->text.find("bird-" + std::to_string(i) + "!"), std::string::npos);
    EXPECT_EQ(turn->listener.text, result->text);
    EXPECT_EQ(watcher.trajectories[result->cascade_id], result->trajectory_id);
    ASSERT_EQ(watcher.responses[result->cascade_id].size(), 1U);
    ++responses[watcher.responses[result->cascade_id][0]];
  }
  EXPECT_EQ(responses.size(), 50U);
}

TEST_P(EachEra, SpecialTurnsEndWithTheirAnswer) {
  start(GetParam());
  wait_for_models();
  expect_answer("sparrows", kEcho + "[[ls:idle-early;ms=400]]");
  expect_answer("ravens", kEcho + "[[ls:notify]]");
  expect_answer("owls", kEcho + "[[ls:extra-steps]]");
  expect_answer("wrens", kEcho + "[[ls:huge;size=5M]]");
  expect_answer("larks", kEcho + "[[ls:many;count=700]]");
}

TEST_P(EachEra, AStreamThatIsLostOnTheWayLosesAndRepeatsNothing) {
  start(GetParam());
  wait_for_models();
  expect_answer("sparrows", kSlow + "[[ls:reset;after=2]]");
  expect_answer("ravens", kSlow + "[[ls:die;how=reset;after=2]]");
  expect_answer("owls", kSlow + "[[ls:die;how=half;after=2]]");
}

TEST_P(EachEra, OneThatDiesInTheMiddleIsAClearFailure) {
  for (const std::string how : {"kill", "exit"}) {
    start(GetParam());
    wait_for_models();
    EXPECT_EQ(failure("sparrows" + kSlow + "[[ls:die;how=" + how + ";after=2]]"),
              Errc::unreachable);
    EXPECT_NE(said_.find("the language server was gone"), std::string::npos) << said_;
  }
}

TEST_P(EachEra, WhatNobodyCanConfirmIsSaid) {
  start(GetParam());
  wait_for_models();
  EXPECT_EQ(failure("sparrows [[ls:wait;kind=command]]"), Errc::needs_user);
  expect_answer("ravens", kEcho);
}

TEST_P(EachEra, GivingUpStopsTheTurnAndTheConversationGoesOn) {
  start(GetParam());
  wait_for_models();
  expect_answer("sparrows", kEcho);
  const std::string cascade = last_->listener.cascade;
  auto hanging = begin({"", "ravens [[ls:hang]]", "", cascade});
  hanging->listener.when_started = [&] {
    asio::post(io, [&] { hanging->gives_up.emit(asio::cancellation_type::terminal); });
  };
  auto waiting = begin({"", "owls" + kEcho, "", cascade});
  EXPECT_EQ(end(hanging.get()).error().code, Errc::canceled);
  EXPECT_FALSE(hanging->listener.is_over) << "a turn that was given up tells nothing more";
  const auto next = end(waiting.get());
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_NE(next->text.find("owls"), std::string::npos);
  EXPECT_EQ(watcher.most_at_once, 1);

  auto growing = begin({"", "wrens [[fake:echo,slow;pace=200ms]]", "", cascade});
  growing->listener.when_growing = [&] {
    asio::post(io, [&] { growing->gives_up.emit(asio::cancellation_type::terminal); });
  };
  EXPECT_EQ(end(growing.get()).error().code, Errc::canceled);
  EXPECT_EQ(watcher.running[cascade], 0);
}

/// What one language server does, and whether its answers come all the same.
struct Oddity {
  std::string era;
  FakeIde::Knobs knobs;
};

TEST_F(Driving, AnswersComeWhateverIsMissingOrOdd) {
  options.feed.first_message = milliseconds(300);
  const Oddity oddities[] = {
      {"e1", {{"reactive", "disabled"}}},       // U12
      {"e1", {{"reactive", "unimplemented"}}},  // U12
      {"e2", {{"agent_stream", "off"}}},        // U13
      {"e2", {{"agent_stream", "off"}, {"reactive", "unimplemented"}, {"missing_status", "501"}}},
      {"e2", {{"frame_ms", "120"}}},                                 // U13
      {"e2", {{"agent_stream", "off"}, {"trajectory", "partial"}}},  // U20
      {"e1", {{"pre_ms", "400"}, {"post_ms", "400"}}},               // U21
      {"e2", {{"pre_ms", "400"}, {"post_ms", "400"}}},               // U21
      {"e2", {{"generating", "RUNNING"}}},                           // U22
      {"e1", {{"generating", "RUNNING"}, {"reactive", "disabled"}}},
      {"e2", {{"compress", "on"}}},  // U39
      {"e1", {{"compress", "on"}}},  // U39
      {"e1", {{"stream_ends", "turn"}}},
      {"e2", {{"stream_ends", "turn"}}},
      {"e2", {{"missing", "GetUserStatus+LoadTrajectory"}}},
      {"e3", {{"missing", "StreamAgentStateUpdates"}, {"missing_status", "501"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=500"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=401"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=hang"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=reset"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=half"}}},
      {"e2", {{"fail", "StreamAgentStateUpdates=503*1"}}},
      {"e2", {{"agent_stream", "off"}, {"fail", "GetCascadeTrajectory=500*2"}}},
      {"e2", {{"agent_stream", "off"}, {"fail", "GetCascadeTrajectory=half*1"}}},
  };
  for (const Oddity& each : oddities) {
    std::string name = each.era;
    for (const auto& [knob, value] : each.knobs) {
      name += " " + knob + "=" + value;
    }
    SCOPED_TRACE(name);
    start(each.era, each.knobs);
    wait_for_models();
    expect_answer("sparrows", kSlow);
    expect_answer("ravens", kEcho);
  }
}

TEST_F(Driving, ARefusalOfTheModelIsToldInItsWords) {
  for (const std::string shape : {"both", "message", "stop"}) {  // U24
    start("e2", {{"error_shape", shape}, {"retries", "1"}});
    wait_for_models();
    EXPECT_EQ(failure("sparrows [[fake:error429]]"), Errc::model_failed) << shape;
    EXPECT_FALSE(said_.empty());
    EXPECT_TRUE(last_->listener.is_over);
    expect_answer("ravens", kEcho + "[[fake:echo,error429;times=1]]");
  }
}

TEST_F(Driving, AModelThatNobodyKnowsIsNoEndlessWait) {
  options.turn.begin = milliseconds(500);
  for (const std::string how : {"drop", "error"}) {  // U28
    start("e2", {{"unknown_model", how}});
    wait_for_models();
    last_ = begin({"MODEL_PLACEHOLDER_M999", "sparrows", "", ""});
    const auto result = end(last_.get());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code == Errc::no_answer, how == "drop") << result.error().text();
  }
}

TEST_F(Driving, AMessageThatIsNotTakenFailsWithItsReason) {
  options.send_limit = seconds(1);
  const std::pair<std::string, Errc> refusals[] = {
      {"401", Errc::unauthenticated},   {"403", Errc::permission_denied},
      {"404", Errc::not_found},         {"500", Errc::unknown},
      {"501", Errc::unimplemented},     {"hang", Errc::deadline_exceeded},
      {"reset", Errc::unreachable},     {"half", Errc::unreachable},
      {"429", Errc::resource_exhausted}};
  for (const auto& [how, code] : refusals) {
    start("e2", {{"fail", "SendUserCascadeMessage=" + how}});
    wait_for_models();
    EXPECT_EQ(failure("sparrows"), code) << how << ": " << said_;
    EXPECT_NE(said_.find("the message was not accepted"), std::string::npos) << said_;
    EXPECT_TRUE(last_->listener.cascade.empty());
  }
}

}  // namespace
}  // namespace agp::ls
