#include "daemon/control/lifecycle.h"

#include "daemon/control/errors.h"

#include <algorithm>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Plays helper, IDE and clock. `said` collects every command as one word.
class Fixture : public ::testing::Test {
 protected:
  void start(Settings settings = {}) {
    core.emplace(std::move(settings));
    core->start(now);
    drain();
  }

  void drain() {
    while (auto command = core->next_command()) {
      note(*command);
    }
  }

  void note(const Command& command) {
    if (std::holds_alternative<EnsureTrustBundle>(command)) {
      said.emplace_back("bundle");
    } else if (std::holds_alternative<EnsureRedirect>(command)) {
      said.emplace_back("redirect");
    } else if (std::holds_alternative<RemoveRedirect>(command)) {
      said.emplace_back("remove redirect");
    } else if (std::holds_alternative<QueryHelper>(command)) {
      said.emplace_back("query");
    } else if (std::holds_alternative<ScanForIde>(command)) {
      said.emplace_back("scan");
    } else if (const auto* s = std::get_if<StartLs>(&command)) {
      said.emplace_back("start " + std::to_string(s->fingerprint) + " with " + s->binary_path);
    } else if (const auto* p = std::get_if<ProbeLs>(&command)) {
      said.emplace_back("probe " + p->id);
    } else if (const auto* t = std::get_if<StopLs>(&command)) {
      said.emplace_back("stop " + t->id);
    } else if (const auto* a = std::get_if<ArmTimer>(&command)) {
      timer = a->id;
      armed = a->after;
    } else if (const auto* r = std::get_if<ReportProblem>(&command)) {
      said.emplace_back("problem " + r->code);
      problem = *r;
    } else if (const auto* c = std::get_if<ClearProblem>(&command)) {
      said.emplace_back("clear " + c->code);
    } else if (const auto* v = std::get_if<CaptureActive>(&command)) {
      said.emplace_back(v->active ? "capture on" : "capture off");
    } else if (const auto* u = std::get_if<LsUsable>(&command)) {
      said.emplace_back(u->usable ? "usable" : "unusable");
    } else {
      said.emplace_back("stopped");
    }
  }

  std::vector<std::string> take() {
    drain();
    return std::exchange(said, {});
  }

  void fire() {
    now += armed;
    core->on_timer(timer, now);
    drain();
  }

  static HelperStatus helper_status(std::vector<std::string> running = {}) {
    HelperStatus status;
    for (auto& id : running) {
      status.running.push_back({id, "antigravity-ls-" + id + ".service"});
    }
    status.binaries = {{0, "/opt/a/bin/language_server"}, {1, "/opt/b/bin/language_server"}};
    return status;
  }

  static ScanOutcome session(std::uint64_t fingerprint) {
    return {IdeSession{fingerprint, "ada", "/opt/b/bin/language_server"}, {"ada"}, {}, {}};
  }

  void capture_up() {
    core->on_trust_bundle({}, now);
    core->on_redirect({}, now);
  }

  void run_up(const std::string& id = "1", std::uint64_t fingerprint = 7) {
    capture_up();
    core->on_helper_status(helper_status(), now);
    core->on_scan(session(fingerprint), now);
    core->on_ls_started(StartedLs{id, "unit"}, now);
    core->on_probe({}, now);
    (void)take();
    ASSERT_EQ(core->phase(), Phase::running);
  }

  std::optional<Lifecycle> core;
  TimePoint now{seconds(1000)};
  std::vector<std::string> said;
  std::uint64_t timer = 0;
  Duration armed{};
  ReportProblem problem;
};

using Words = std::vector<std::string>;

TEST_F(Fixture, DoesNothingWhileCaptureIsOff) {
  start({.capture = false});
  EXPECT_EQ(take(), Words{});
  core->on_helper_available(now);
  core->on_redirect_lost(now);
  EXPECT_EQ(take(), Words{});
  core->stop(now);
  EXPECT_EQ(take(), Words{"stopped"});
}

TEST_F(Fixture, PutsBundleBeforeRedirectBeforeLanguageServer) {
  start();
  EXPECT_EQ(take(), Words{"bundle"});
  core->on_trust_bundle({}, now);
  EXPECT_EQ(take(), Words{"redirect"});
  core->on_redirect({}, now);
  EXPECT_EQ(take(), (Words{"capture on", "query"}));
  core->on_helper_status(helper_status(), now);
  EXPECT_EQ(take(), Words{"scan"});
  core->on_scan(session(7), now);
  EXPECT_EQ(take(), Words{"start 7 with /opt/b/bin/language_server"});
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  EXPECT_EQ(take(), Words{"probe 1"});
  core->on_probe({}, now);
  EXPECT_EQ(take(), Words{"usable"});
  EXPECT_EQ(core->phase(), Phase::running);
}

TEST_F(Fixture, StartsNoLanguageServerWhenThatIsOffButCaptures) {
  start({.manage_ls = false});
  capture_up();
  EXPECT_EQ(take(), (Words{"bundle", "redirect", "capture on"}));
  EXPECT_EQ(core->phase(), Phase::capturing);
  core->stop(now);
  EXPECT_EQ(take(), Words{"stopped"});
}

TEST_F(Fixture, BacksOffFromOneToThirtySecondsWhileTheHelperIsAway) {
  start();
  std::vector<Duration> waits;
  for (int i = 0; i < 7; ++i) {
    core->on_trust_bundle(Error{Errc::helper_unreachable, "bus"}, now);
    drain();
    waits.push_back(armed);
    fire();
  }
  EXPECT_EQ(waits, (std::vector<Duration>{seconds(1), seconds(2), seconds(4), seconds(8),
                                          seconds(16), seconds(30), seconds(30)}));
  EXPECT_FALSE(core->is_capturing());
}

TEST_F(Fixture, SaysOnceWhatIsWrongWithTheHelperAndTakesItBack) {
  start();
  core->on_trust_bundle(Error{Errc::helper_denied, "bus"}, now);
  EXPECT_EQ(take(), (Words{"bundle", "problem helper"}));
  EXPECT_NE(problem.remedy.find("polkit"), std::string::npos);
  fire();
  core->on_trust_bundle(Error{Errc::helper_denied, "bus"}, now);
  EXPECT_EQ(take(), Words{"bundle"});
  fire();
  capture_up();
  EXPECT_EQ(take(), (Words{"bundle", "redirect", "clear helper", "capture on", "query"}));
}

TEST_F(Fixture, TriesAtOnceWhenTheHelperAppears) {
  start();
  core->on_trust_bundle(Error{Errc::helper_unreachable, "bus"}, now);
  (void)take();
  const auto stale = timer;
  core->on_helper_available(now);
  EXPECT_EQ(take(), Words{"bundle"});
  core->on_timer(stale, now + seconds(60));
  EXPECT_EQ(take(), Words{});
}

TEST_F(Fixture, AFailedRedirectStartsNothing) {
  start();
  core->on_trust_bundle({}, now);
  core->on_redirect(Error{Errc::helper_failed, "iptables not found"}, now);
  EXPECT_EQ(take(), (Words{"bundle", "redirect", "problem helper"}));
  EXPECT_NE(problem.message.find("iptables not found"), std::string::npos);
  EXPECT_EQ(core->phase(), Phase::backing_off);
}

// threat-model 28
TEST_F(Fixture, StopsWhatAPredecessorLeftRunning) {
  start();
  capture_up();
  (void)take();
  core->on_helper_status(helper_status({"old1", "old2"}), now);
  EXPECT_EQ(take(), Words{"stop old1"});
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"stop old2"});
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"scan"});
}

TEST_F(Fixture, SaysWhatItWaitsForAndLooksNoMoreThanOncePerSecond) {
  start({.user = "ada", .rescan = milliseconds(10)});
  capture_up();
  core->on_helper_status(helper_status(), now);
  (void)take();
  core->on_scan(ScanOutcome{}, now);
  EXPECT_EQ(take(), Words{"problem ide"});
  EXPECT_EQ(problem.message, "waiting for the Antigravity IDE to run as user ada");
  EXPECT_EQ(problem.severity, Severity::waiting);
  EXPECT_GE(armed, seconds(1));
  fire();
  EXPECT_EQ(take(), Words{"scan"});
  core->on_scan(ScanOutcome{}, now);
  EXPECT_EQ(take(), Words{});  // already said
}

TEST_F(Fixture, EnsuresCaptureAnewBeforeStartingForAnIdeThatCameLater) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(ScanOutcome{}, now);
  (void)take();
  fire();
  core->on_scan(session(9), now);
  EXPECT_EQ(take(), (Words{"scan", "clear ide", "bundle"}));
  capture_up();
  core->on_helper_status(helper_status(), now);
  EXPECT_EQ(take(), (Words{"redirect", "query", "start 9 with /opt/b/bin/language_server"}));
}

TEST_F(Fixture, AsksWhichUserWhenSeveralRunTheIde) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(ScanOutcome{std::nullopt, {"ada", "bob"}, {}, {}}, now);
  drain();
  EXPECT_NE(problem.message.find("ada, bob"), std::string::npos);
  EXPECT_NE(problem.remedy.find("language_server.user"), std::string::npos);
}

TEST_F(Fixture, NamesTheRemedyWhenNoBinaryMayBeStarted) {
  start();
  capture_up();
  core->on_helper_status(HelperStatus{}, now);
  drain();
  EXPECT_EQ(problem.code, "language-server-binary");
  EXPECT_NE(problem.remedy.find("helper.yaml"), std::string::npos);
  fire();
  EXPECT_EQ(core->phase(), Phase::ensuring_bundle);
}

TEST_F(Fixture, FallsBackToTheFirstBinaryWhenTheIdeRunsAnother) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  (void)take();
  auto other = session(3);
  other.session->binary_path = "/home/ada/language_server";
  core->on_scan(std::move(other), now);
  EXPECT_EQ(take(), Words{"start 3 with /opt/a/bin/language_server"});
}

TEST_F(Fixture, ProbesUntilTheLimitAndThenStopsAndBacksOff) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  (void)take();
  const auto limit = now + seconds(30);
  while (now < limit) {
    core->on_probe(Error{Errc::helper_failed, "refused"}, now);
    ASSERT_EQ(take(), Words{});
    fire();
    ASSERT_EQ(take(), Words{"probe 1"});
  }
  core->on_probe(Error{Errc::helper_failed, "refused"}, now);
  EXPECT_EQ(take(), (Words{"problem language-server", "stop 1"}));
  core->on_ls_stopped({}, now);
  drain();
  EXPECT_EQ(core->phase(), Phase::backing_off);
}

TEST_F(Fixture, TriesOtherPortsAtOnceWhenTheFirstStartDiesEarly) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  core->on_probe(Error{Errc::helper_failed, "refused"}, now);
  (void)take();
  core->on_ls_exited("1", "exit-code", 1, now);
  EXPECT_EQ(take(), Words{"bundle"});
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_ls_started(StartedLs{"2", "unit"}, now);
  (void)take();
  core->on_ls_exited("2", "exit-code", 1, now);
  EXPECT_EQ(take(), Words{});  // a probe is under way; its answer comes first
  core->on_probe(Error{Errc::helper_failed, "refused"}, now);
  EXPECT_EQ(take(), Words{"problem language-server"});
  EXPECT_EQ(core->phase(), Phase::backing_off);
}

// threat-model 26
TEST_F(Fixture, SeesAnEndThatIsAnnouncedBeforeTheStartIsAnswered) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_exited("1", "exit-code", 2, now);
  core->on_ls_exited("unrelated", "success", 0, now);
  (void)take();
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  EXPECT_EQ(take(), Words{"bundle"});
}

TEST_F(Fixture, RestartsACrashedLanguageServerAfterABackoff) {
  start();
  run_up();
  now += seconds(10);
  core->on_ls_exited("1", "signal", 9, now);
  EXPECT_EQ(take(), (Words{"unusable", "problem language-server"}));
  EXPECT_EQ(armed, seconds(1));
  fire();
  EXPECT_EQ(take(), Words{"bundle"});
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_started(StartedLs{"2", "unit"}, now);
  core->on_probe({}, now);
  EXPECT_EQ(take(), (Words{"redirect", "query", "scan", "start 7 with /opt/b/bin/language_server",
                           "probe 2", "clear language-server", "usable"}));
  now += seconds(5);
  core->on_ls_exited("2", "signal", 9, now);
  drain();
  EXPECT_EQ(armed, seconds(2));  // it has not proven itself
}

TEST_F(Fixture, ForgetsCrashesOfALanguageServerThatRanLong) {
  start();
  run_up();
  core->on_ls_exited("1", "signal", 9, now);
  drain();
  fire();
  run_up("2");
  now += seconds(61);
  core->on_ls_exited("2", "signal", 9, now);
  drain();
  EXPECT_EQ(armed, seconds(1));
}

TEST_F(Fixture, StopsTheLanguageServerWhenTheIdeIsGone) {
  start();
  run_up();
  fire();
  EXPECT_EQ(take(), Words{"scan"});
  core->on_scan(ScanOutcome{}, now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"problem ide"});
  EXPECT_EQ(core->phase(), Phase::waiting_for_ide);
}

TEST_F(Fixture, RestartsWhenTheIdeCameBackWithOtherPortsOrTokens) {
  start();
  run_up();
  fire();
  core->on_scan(session(8), now);
  EXPECT_EQ(take(), (Words{"scan", "unusable", "stop 1"}));
  core->on_ls_stopped({}, now);
  capture_up();
  core->on_helper_status(helper_status(), now);
  EXPECT_EQ(take(),
            (Words{"bundle", "redirect", "query", "start 8 with /opt/b/bin/language_server"}));
}

TEST_F(Fixture, KeepsRunningWhenItCannotLook) {
  start();
  run_up();
  fire();
  core->on_scan(Error{Errc::scan_failed, "/proc"}, now);
  EXPECT_EQ(take(), (Words{"scan", "problem process-scan"}));
  EXPECT_EQ(core->phase(), Phase::running);
  fire();
  core->on_scan(session(7), now);
  EXPECT_EQ(take(), (Words{"scan", "clear process-scan"})) << "it can look again";
}

TEST_F(Fixture, LooksAtOnceWhenTheIdesLanguageServerEnds) {
  start();
  run_up();
  now += milliseconds(1500);
  core->on_ide_exited(now);
  EXPECT_EQ(take(), Words{"scan"});
  core->on_scan(session(8), now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
}

TEST_F(Fixture, DoesNotLookTwiceWithinASecondThoughTheIdeEnds) {
  start();
  run_up();
  now += milliseconds(200);
  core->on_ide_exited(now);
  EXPECT_EQ(take(), Words{});
  EXPECT_EQ(armed, milliseconds(800));
  fire();
  EXPECT_EQ(take(), Words{"scan"});
  core->on_ide_exited(now);  // while that look is under way, which may have come too early
  core->on_scan(session(7), now);
  EXPECT_EQ(take(), Words{});
  EXPECT_EQ(armed, seconds(1));
  fire();
  EXPECT_EQ(take(), Words{"scan"});
}

TEST_F(Fixture, LooksForTheIdeThatEndedWhileOursStarted) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  now += seconds(2);
  core->on_ide_exited(now);
  core->on_probe({}, now);
  EXPECT_EQ(take().back(), "scan");
  core->on_scan(ScanOutcome{}, now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
}

TEST_F(Fixture, UsesNobodysLoginOnceASecondUserStartsTheIde) {
  start();
  run_up();
  fire();
  core->on_scan(ScanOutcome{std::nullopt, {"ada", "bob"}, {}, {}}, now);
  EXPECT_EQ(take(), (Words{"scan", "unusable", "stop 1"}));
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"problem language-server-user"});
  EXPECT_NE(problem.message.find("ada, bob"), std::string::npos);
  fire();
  core->on_scan(session(7), now);
  EXPECT_EQ(take(), (Words{"scan", "clear language-server-user", "bundle"}));
}

TEST_F(Fixture, TheTimerOfALookThatWasTakenEarlierDoesNothing) {
  start();
  run_up();
  const auto stale = timer;
  now += milliseconds(1500);
  core->on_ide_exited(now);
  core->on_scan(session(7), now);
  (void)take();
  core->on_timer(stale, now);
  EXPECT_EQ(take(), Words{});
}

TEST_F(Fixture, SaysWhatKeepsItFromSeeingTheIdeUntilThatIsGone) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  (void)take();
  ScanOutcome blind;
  blind.obstacle = Obstacle{"/proc is hidden", "mount it otherwise"};
  core->on_scan(blind, now);
  EXPECT_EQ(take(), (Words{"problem process-scan", "problem ide"}));
  fire();
  core->on_scan(blind, now);
  EXPECT_EQ(take(), Words{"scan"}) << "it is said once";
  fire();
  core->on_scan(ScanOutcome{}, now);
  EXPECT_EQ(take(), (Words{"scan", "clear process-scan"}));
}

TEST_F(Fixture, RestartsALanguageServerThatMissesThreeHeartbeats) {
  start();
  run_up();
  int probes = 0;
  for (int ticks = 0; ticks < 50 && core->phase() == Phase::running; ++ticks) {
    fire();
    core->on_scan(session(7), now);
    drain();
    if (said.back() == "probe 1") {
      ++probes;
      core->on_probe(Error{Errc::helper_failed, "silent"}, now);
      drain();
    }
  }
  EXPECT_EQ(probes, 3);
  EXPECT_EQ(said.back(), "stop 1");
}

TEST_F(Fixture, AHeartbeatInBetweenForgivesMissedOnes) {
  start();
  run_up();
  int probes = 0;
  for (int ticks = 0; ticks < 60; ++ticks) {
    fire();
    core->on_scan(session(7), now);
    drain();
    if (said.back() == "probe 1") {
      ++probes;
      core->on_probe(probes % 3 == 0 ? Result<>() : Error{Errc::helper_failed, "silent"}, now);
      drain();
    }
    ASSERT_EQ(core->phase(), Phase::running);
  }
  EXPECT_GT(probes, 6);
}

// threat-model 35
TEST_F(Fixture, StopsTheLanguageServerWhenTheRedirectIsLost) {
  start();
  run_up();
  core->on_redirect_lost(now);
  EXPECT_EQ(take(), (Words{"capture off", "unusable", "stop 1"}));
  core->on_ls_stopped({}, now);
  capture_up();
  EXPECT_EQ(take(), (Words{"bundle", "redirect", "capture on", "query"}));
}

TEST_F(Fixture, TakesTheHelpersSignalAfterAFailedAttemptForNoLoss) {
  for (const bool signal_first : {true, false}) {
    SCOPED_TRACE(signal_first);
    start();
    core->on_trust_bundle({}, now);
    (void)take();
    if (signal_first) {
      core->on_redirect_lost(now);
    }
    core->on_redirect(Error{Errc::helper_failed, "iptables not found"}, now);
    if (!signal_first) {
      core->on_redirect_lost(now);
    }
    EXPECT_EQ(core->phase(), Phase::backing_off);
    EXPECT_EQ(take(), Words{"problem helper"});
  }
}

TEST_F(Fixture, StopsInEveryPhaseAndLeavesNoLanguageServerBehind) {
  // How far the start gets before stop() is called; each step answers the command before it.
  for (int steps = 0; steps <= 6; ++steps) {
    SCOPED_TRACE(steps);
    start();
    const auto answer = [&](int step) {
      switch (step) {
        case 0:
          core->on_trust_bundle({}, now);
          break;
        case 1:
          core->on_redirect({}, now);
          break;
        case 2:
          core->on_helper_status(helper_status({"old"}), now);
          break;
        case 3:
          core->on_ls_stopped({}, now);
          break;
        case 4:
          core->on_scan(session(7), now);
          break;
        case 5:
          core->on_ls_started(StartedLs{"1", "unit"}, now);
          break;
        default:
          core->on_probe({}, now);
          break;
      }
      drain();
    };
    for (int step = 0; step < steps; ++step) {
      answer(step);
    }
    core->stop(now);
    drain();
    if (steps < 7 && core->phase() != Phase::stopped && said.back() != "stop 1") {
      answer(steps);  // what was under way is answered after stop()
    }
    if (said.back() == "stop 1") {
      core->on_ls_stopped({}, now);
      drain();
    }
    EXPECT_EQ(core->phase(), Phase::stopped);
    EXPECT_EQ(said.back(), "stopped");
    const bool started =
        std::count(said.begin(), said.end(), "start 7 with /opt/b/bin/language_server") > 0;
    EXPECT_EQ(std::count(said.begin(), said.end(), "stop 1") > 0, started && steps >= 5);
    said.clear();
  }
}

TEST_F(Fixture, StopsEvenIfTheHelperCannotStopTheLanguageServer) {
  start();
  run_up();
  core->stop(now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
  core->on_ls_stopped(Error{Errc::helper_unreachable, "bus"}, now);
  EXPECT_EQ(take(), Words{"stopped"});
  core->stop(now);
  EXPECT_EQ(take(), Words{});
}

TEST_F(Fixture, NamesACrashLoopWithTheEndAndSlowsDown) {
  start();
  run_up("1");
  std::vector<Duration> pauses;
  for (int i = 2; i < 9; ++i) {
    core->on_ls_exited(std::to_string(i - 1), "signal", 11, now);
    drain();
    ASSERT_EQ(core->phase(), Phase::backing_off);
    pauses.push_back(armed);
    EXPECT_EQ(problem.code, "language-server");
    EXPECT_NE(problem.message.find("killed by signal 11 SIGSEGV"), std::string::npos);
    EXPECT_EQ(problem.message.find("crash loop") != std::string::npos, i > 3) << problem.message;
    EXPECT_EQ(core->is_crash_loop(), i > 3);
    fire();
    run_up(std::to_string(i));
  }
  EXPECT_EQ(pauses.front(), seconds(1));
  EXPECT_EQ(pauses.back(), seconds(30));
  EXPECT_EQ(core->crashes(), 7U);
  EXPECT_TRUE(core->is_crash_loop()) << "it has just come up";
}

TEST_F(Fixture, ACrashLoopIsOverOnceItRanForAMinute) {
  start({.heartbeat = std::chrono::hours(1)});
  run_up("1");
  for (int i = 2; i < 5; ++i) {
    core->on_ls_exited(std::to_string(i - 1), "exit-code", 2, now);
    drain();
    fire();
    run_up(std::to_string(i));
  }
  ASSERT_TRUE(core->is_crash_loop());
  fire();
  core->on_scan(session(7), now);
  EXPECT_TRUE(core->is_crash_loop());
  now += seconds(60);
  fire();
  core->on_scan(session(7), now);
  const auto words = take();
  EXPECT_NE(std::find(words.begin(), words.end(), "clear language-server"), words.end());
  EXPECT_FALSE(core->is_crash_loop());
}

// threat-model 26
TEST_F(Fixture, SaysHowItEnded) {
  const std::vector<std::tuple<std::string, int, std::string>> ends = {
      {"exit-code", 2, "exit status 2"},
      {"success", 0, "exit status 0"},
      {"signal", 9, "killed by signal 9 SIGKILL"},
      {"core-dump", 6, "killed by signal 6 SIGABRT"},
      {"oom-kill", 9, "killed because it took too much memory"},
      {"timeout", 0, "timeout, status 0"}};
  for (const auto& [result, status, text] : ends) {
    start();
    run_up();
    core->on_ls_exited("1", result, status, now);
    drain();
    EXPECT_NE(problem.message.find(text), std::string::npos) << problem.message;
  }
}

TEST_F(Fixture, AsksAtOnceWhenTheLanguageServerSaysThatItListens) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->on_scan(session(7), now);
  core->on_ls_started(StartedLs{"1", "unit"}, now);
  core->on_ls_listening(now);  // while the first question is under way
  (void)take();
  core->on_probe(Error{Errc::helper_failed, "refused"}, now);
  EXPECT_EQ(take(), Words{"probe 1"});
  core->on_probe(Error{Errc::helper_failed, "refused"}, now);
  EXPECT_EQ(take(), Words{});
  core->on_ls_listening(now);
  EXPECT_EQ(take(), Words{"probe 1"});
}

TEST_F(Fixture, AHoldStopsTheLanguageServerAndKeepsTheCapture) {
  start();
  run_up();
  core->hold(now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
  EXPECT_FALSE(core->is_settled());
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"problem language-server-stopped"});
  EXPECT_EQ(problem.severity, Severity::waiting);
  EXPECT_EQ(core->phase(), Phase::held);
  EXPECT_TRUE(core->is_settled());
  EXPECT_TRUE(core->is_capturing());
  core->on_timer(timer, now + seconds(60));
  EXPECT_EQ(take(), Words{}) << "it looks for no IDE";
  core->on_redirect_lost(now);
  EXPECT_EQ(take(), (Words{"capture off", "bundle"}));
  capture_up();
  EXPECT_EQ(take(), (Words{"redirect", "capture on", "query"}));
  core->on_helper_status(helper_status({"9"}), now);
  EXPECT_EQ(take(), Words{"stop 9"});
  core->on_ls_stopped({}, now);
  EXPECT_EQ(core->phase(), Phase::held);
  core->resume(now);
  EXPECT_EQ(take(), (Words{"clear language-server-stopped", "bundle"}));
  run_up("2");
}

TEST_F(Fixture, AHoldIsKeptInEveryPhase) {
  // Each step is the answer that the step before asked for.
  const std::vector<std::function<void()>> steps = {
      [this] { core->on_trust_bundle({}, now); },
      [this] { core->on_redirect({}, now); },
      [this] { core->on_helper_status(helper_status({"8"}), now); },
      [this] { core->on_ls_stopped({}, now); },
      [this] { core->on_scan(ScanOutcome{}, now); },
      [this] { fire(); },
      [this] { core->on_scan(session(7), now); },
      [this] { core->on_trust_bundle({}, now); },
      [this] { core->on_redirect({}, now); },
      [this] { core->on_helper_status(helper_status(), now); },
      [this] {
        core->on_ls_started(StartedLs{"1", "unit"}, now);
      },
      [this] { core->on_probe({}, now); },
      [this] { fire(); },
      [this] { core->on_scan(session(7), now); },
      [this] {
        core->on_ls_exited("1", "exit-code", 1, now);
      }};
  for (std::size_t held_after = 0; held_after <= steps.size(); ++held_after) {
    SCOPED_TRACE(held_after);
    start();
    for (std::size_t i = 0; i < held_after; ++i) {
      steps[i]();
      drain();
    }
    (void)take();
    core->hold(now);
    // Whatever is asked from now on succeeds.
    for (int round = 0; round < 20 && core->phase() != Phase::held; ++round) {
      bool is_stopping = false;
      for (const auto& word : take()) {
        is_stopping = is_stopping || word.starts_with("stop ");
        EXPECT_FALSE(word.starts_with("start ")) << word;
      }
      switch (core->phase()) {
        case Phase::ensuring_bundle:
          core->on_trust_bundle({}, now);
          break;
        case Phase::ensuring_redirect:
          core->on_redirect({}, now);
          break;
        case Phase::asking_helper:
          core->on_helper_status(helper_status(), now);
          break;
        case Phase::scanning:
        case Phase::running:
          core->on_scan(session(7), now);
          break;
        case Phase::starting:
          core->on_ls_started(StartedLs{"1", "unit"}, now);
          break;
        case Phase::probing:
          core->on_probe({}, now);
          break;
        case Phase::clearing:
        case Phase::stopping_ls:
          core->on_ls_stopped({}, now);
          break;
        default:
          FAIL() << to_string(core->phase());
      }
    }
    EXPECT_EQ(core->phase(), Phase::held);
    EXPECT_TRUE(core->is_settled());
    EXPECT_TRUE(core->is_capturing());
  }
}

TEST_F(Fixture, ARestartStopsAndStartsAgain) {
  start();
  run_up();
  core->restart(now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
  EXPECT_FALSE(core->is_settled());
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"bundle"});
  capture_up();
  core->on_helper_status(helper_status(), now);
  EXPECT_EQ(take().back(), "start 7 with /opt/b/bin/language_server");
  core->restart(now);  // while the start is under way
  EXPECT_FALSE(core->is_settled());
  core->on_ls_started(StartedLs{"2", "unit"}, now);
  EXPECT_EQ(take(), Words{"stop 2"});
}

TEST_F(Fixture, AStartCutsThePauseAfterAFailureShort) {
  start();
  run_up();
  core->on_ls_exited("1", "exit-code", 2, now);
  (void)take();
  ASSERT_EQ(core->phase(), Phase::backing_off);
  core->resume(now);
  EXPECT_EQ(take(), Words{"bundle"});
  EXPECT_EQ(core->crashes(), 0U);
}

// Capture, switched off and on by people.

TEST_F(Fixture, ReleaseStopsTheLanguageServerBeforeTheRedirectGoes) {
  start();
  run_up();
  core->release(now);
  EXPECT_EQ(take(), (Words{"unusable", "stop 1"}));
  EXPECT_TRUE(core->is_capturing());  // it is not gone yet
  EXPECT_FALSE(core->is_capture_settled());
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"remove redirect"});
  core->on_redirect_removed({}, now);
  EXPECT_EQ(take(), (Words{"capture off", "problem capture-off"}));
  EXPECT_EQ(problem.severity, Severity::waiting);
  EXPECT_EQ(problem.remedy, "switch it on with: antigravity-proxy capture on");
  EXPECT_EQ(core->phase(), Phase::released);
  EXPECT_TRUE(core->is_capture_settled());
}

TEST_F(Fixture, WhatIsReleasedStaysSo) {
  start();
  capture_up();
  core->on_helper_status(helper_status(), now);
  core->release(now);
  core->on_scan(session(7), now);
  core->on_redirect_removed({}, now);
  (void)take();
  core->release(now);  // again
  core->on_helper_available(now);
  core->on_redirect_lost(now);
  core->on_ide_exited(now);
  core->resume(now);  // of the language server
  fire();
  EXPECT_EQ(take(), Words{});
  EXPECT_EQ(core->phase(), Phase::released);
}

TEST_F(Fixture, CaptureBringsEverythingBack) {
  start();
  run_up();
  core->release(now);
  core->on_ls_stopped({}, now);
  core->on_redirect_removed({}, now);
  (void)take();
  core->capture(now);
  EXPECT_EQ(take(), (Words{"clear capture-off", "bundle"}));
  EXPECT_FALSE(core->is_capture_settled());
  run_up("2");
  EXPECT_TRUE(core->is_capture_settled());
  core->capture(now);  // again
  EXPECT_EQ(take(), Words{});
}

TEST_F(Fixture, ReleaseWaitsForWhatIsUnderWayInEachPhase) {
  // Whatever is asked at that moment is answered first, and then the redirect goes.
  const std::vector<std::function<void()>> answers = {
      [this] { core->on_trust_bundle({}, now); },
      [this] { core->on_redirect({}, now); },
      [this] { core->on_helper_status(helper_status(), now); },
      [this] { core->on_scan(session(7), now); },
      [this] {
        core->on_ls_started(StartedLs{"1", "unit"}, now);
      },
      [this] { core->on_probe({}, now); },
  };
  for (std::size_t released_at = 0; released_at < answers.size(); ++released_at) {
    start();
    for (std::size_t i = 0; i < released_at; ++i) {
      answers[i]();
    }
    (void)take();
    core->release(now);
    EXPECT_EQ(take(), Words{}) << released_at;
    answers[released_at]();
    auto said_then = take();
    std::erase_if(said_then, [](const auto& word) { return word.starts_with("capture "); });
    if (released_at >= 4) {  // there is one by then
      EXPECT_EQ(said_then, Words{"stop 1"}) << released_at;
      core->on_ls_stopped({}, now);
      said_then = take();
    }
    EXPECT_EQ(said_then, Words{"remove redirect"}) << released_at;
    core->on_redirect_removed({}, now);
    EXPECT_EQ(core->phase(), Phase::released) << released_at;
    EXPECT_FALSE(core->is_capturing()) << released_at;
  }
}

TEST_F(Fixture, AReleaseThatFailsIsTriedAgainAndSaid) {
  start();
  run_up();
  core->release(now);
  core->on_ls_stopped({}, now);
  (void)take();
  core->on_redirect_removed(Error{Errc::helper_unreachable, "gone"}, now);
  EXPECT_EQ(take(), Words{"problem helper"});
  EXPECT_TRUE(core->is_capturing());  // the kernel keeps it
  EXPECT_TRUE(core->is_capture_settled());
  fire();
  EXPECT_EQ(take(), Words{"remove redirect"});
  core->on_redirect_removed(Error{Errc::helper_failed, "a command failed"}, now);
  EXPECT_FALSE(core->is_capturing());  // a half may be gone
  (void)take();
  core->on_helper_available(now);
  EXPECT_EQ(take(), Words{"remove redirect"});
  core->on_redirect_removed({}, now);
  EXPECT_EQ(take(), (Words{"clear helper", "problem capture-off"}));
}

TEST_F(Fixture, ALanguageServerThatCannotBeStoppedIsLeftToTheHelper) {
  start();
  run_up();
  core->release(now);
  (void)take();
  core->on_ls_stopped(Error{Errc::helper_failed, "systemd"}, now);
  EXPECT_EQ(take(), Words{"remove redirect"});
}

TEST_F(Fixture, ALanguageServerThatEndsMeanwhileIsNoCrash) {
  start();
  run_up();
  now += seconds(10);
  fire();  // a scan or a probe is under way
  (void)take();
  core->on_ls_exited("1", "exit-code", 1, now);
  core->release(now);
  core->on_scan(session(7), now);
  EXPECT_EQ(take(), (Words{"unusable", "remove redirect"}));
  EXPECT_EQ(core->crashes(), 0U);
}

TEST_F(Fixture, CaptureWhileItIsReleasedTakesItUpAgain) {
  start();
  run_up();
  core->release(now);
  core->capture(now);
  (void)take();
  core->on_ls_stopped({}, now);
  EXPECT_EQ(take(), Words{"bundle"});  // the redirect never went

  run_up("2");
  core->release(now);
  core->on_ls_stopped({}, now);
  core->capture(now);
  (void)take();
  core->on_redirect_removed({}, now);
  EXPECT_EQ(take(), (Words{"capture off", "bundle"}));
}

TEST_F(Fixture, ARedirectThatComesBackIsTakenAwayAgain) {
  start();
  core->release(now);
  (void)take();
  core->on_trust_bundle({}, now);
  core->on_redirect_back(now);  // by a call that was under way; the one that follows removes it
  EXPECT_EQ(take(), Words{"remove redirect"});
  core->on_redirect_removed({}, now);
  (void)take();
  core->on_redirect_back(now);
  EXPECT_EQ(take(), Words{"remove redirect"});
  core->on_redirect_removed({}, now);
  EXPECT_EQ(core->phase(), Phase::released);
}

TEST_F(Fixture, CaptureIsPossibleWhereTheConfigurationSaysOff) {
  start({.capture = false});
  core->release(now);  // nothing to do
  EXPECT_EQ(take(), Words{});
  EXPECT_FALSE(core->is_released());
  core->capture(now);
  EXPECT_EQ(take(), Words{"bundle"});
  capture_up();
  EXPECT_TRUE(core->is_capturing());
}

TEST_F(Fixture, AHoldOutlivesARelease) {
  start();
  run_up();
  core->hold(now);
  core->on_ls_stopped({}, now);
  core->release(now);
  core->on_redirect_removed({}, now);
  EXPECT_EQ(take(),
            (Words{"unusable", "stop 1", "problem language-server-stopped", "remove redirect",
                   "capture off", "clear language-server-stopped", "problem capture-off"}));
  core->capture(now);
  capture_up();
  core->on_helper_status(helper_status(), now);
  EXPECT_EQ(core->phase(), Phase::held);
}

TEST_F(Fixture, AStopDoesNotWaitForARelease) {
  start();
  run_up();
  core->release(now);
  core->on_ls_stopped({}, now);
  (void)take();
  core->stop(now);
  EXPECT_EQ(take(), Words{});
  core->on_redirect_removed(Error{Errc::helper_unreachable, "gone"}, now);
  EXPECT_EQ(take(), Words{"stopped"});  // the unit releases what is left
}

}  // namespace
}  // namespace agp::control
