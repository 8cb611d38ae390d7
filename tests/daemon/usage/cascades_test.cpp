#include "daemon/usage/cascades.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

using namespace std::chrono_literals;

constexpr Micros kStart{std::chrono::seconds(1'795'000'000)};
const std::string kLs = "ls-1";

/// A call of Code Assist as the reader of its request left it.
Record call(Micros at, std::string instance = kLs) {
  Record record;
  record.api = Api::code_assist;
  record.request_kind = RequestKind::agent;
  record.instance = std::move(instance);
  record.started_at = at;
  return record;
}

Record named_by_request(std::string cascade, Micros at = kStart + 1s) {
  Record record = call(at);
  record.cascade_id = std::move(cascade);
  record.cascade_source = CascadeSource::exact;
  record.cascade_evidence = "request_id";
  return record;
}

struct Tie {
  std::optional<std::string> cascade;
  CascadeSource source;
  std::string evidence;

  friend bool operator==(const Tie&, const Tie&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Tie& tie) {
    return out << tie.cascade.value_or("-") << ' ' << name(tie.source) << ' ' << tie.evidence;
  }
};

Tie tie_of(const Cascades& book, Record record) {
  book.resolve(&record);
  EXPECT_EQ(record.hints, RequestHints());
  return {record.cascade_id, record.cascade_source, record.cascade_evidence};
}

const Tie kNone{std::nullopt, CascadeSource::none, ""};

TEST(Cascades, KnowingNothingTheFormOfTheRequestIdCounts) {
  const Cascades book;
  EXPECT_EQ(tie_of(book, named_by_request("a")), (Tie{"a", CascadeSource::exact, "request_id"}));
  EXPECT_EQ(tie_of(book, call(kStart)), kNone);
}

TEST(Cascades, AnotherLanguageServersCascadesSayNothing) {
  Cascades book;
  book.add("ls-0", "b", kStart);
  book.set_running("ls-0", "b", true, kStart);
  book.add_instance(kLs, kStart);
  EXPECT_EQ(tie_of(book, named_by_request("a")), (Tie{"a", CascadeSource::exact, "request_id"}));
  EXPECT_EQ(tie_of(book, call(kStart + 1s)), kNone);
  auto nobodys = call(kStart + 1s, "");
  EXPECT_EQ(tie_of(book, nobodys), kNone);
}

TEST(Cascades, AKnownIdIsExact) {
  Cascades book;
  book.add(kLs, "a", kStart);
  book.add_trajectory(kLs, "a", "t");
  EXPECT_EQ(tie_of(book, named_by_request("a")), (Tie{"a", CascadeSource::exact, "request_id"}));
  auto by_trajectory = call(kStart);
  by_trajectory.trajectory_id = "t";
  EXPECT_EQ(tie_of(book, by_trajectory), (Tie{"a", CascadeSource::exact, "trajectory_id"}));
  auto by_prompt = call(kStart);
  by_prompt.hints.conversation_id = "a";
  EXPECT_EQ(tie_of(book, by_prompt), (Tie{"a", CascadeSource::exact, "conversation_id"}));
  auto by_path = call(kStart);
  by_path.hints.brain_id = "a";
  EXPECT_EQ(tie_of(book, by_path), (Tie{"a", CascadeSource::exact, "brain_path"}));
}

TEST(Cascades, AnUnknownIdInTheRequestGivesWayToAKnownKey) {
  Cascades book;
  book.add(kLs, "a", kStart);
  book.add_trajectory(kLs, "a", "t");
  auto record = named_by_request("an-agent-id");
  record.trajectory_id = "t";
  EXPECT_EQ(tie_of(book, record), (Tie{"a", CascadeSource::exact, "trajectory_id"}));
  record.trajectory_id = "elsewhere";
  record.hints.conversation_id = "a";
  EXPECT_EQ(tie_of(book, record), (Tie{"a", CascadeSource::exact, "conversation_id"}));
}

TEST(Cascades, KeysThatDisagreeAreNeverExact) {
  Cascades book;
  book.add(kLs, "a", kStart);
  book.add(kLs, "b", kStart);
  book.add_trajectory(kLs, "b", "t");
  auto record = named_by_request("a");
  record.trajectory_id = "t";
  EXPECT_EQ(tie_of(book, record), (Tie{"a", CascadeSource::inferred, "request_id"}));
}

TEST(Cascades, AnUnknownIdAloneIsNotExact) {
  Cascades book;
  book.add(kLs, "a", kStart);
  EXPECT_EQ(tie_of(book, named_by_request("x")), (Tie{"x", CascadeSource::inferred, "request_id"}));
}

TEST(Cascades, TheOnlyOneAtWorkIsInferred) {
  Cascades book;
  book.add(kLs, "a", kStart);
  book.add(kLs, "b", kStart);
  EXPECT_EQ(tie_of(book, call(kStart + 1s)), kNone);
  book.set_running(kLs, "a", true, kStart + 2s);
  EXPECT_EQ(tie_of(book, call(kStart + 1s)), kNone);  // it was not at work then
  EXPECT_EQ(tie_of(book, call(kStart + 3s)), (Tie{"a", CascadeSource::inferred, "only_running"}));
  book.set_running(kLs, "b", true, kStart + 4s);
  EXPECT_EQ(tie_of(book, call(kStart + 5s)), kNone);
  EXPECT_EQ(tie_of(book, call(kStart + 3s)), (Tie{"a", CascadeSource::inferred, "only_running"}));
}

TEST(Cascades, ATitleAskedForShortlyAfterTheRunIsStillItsOwn) {
  Cascades book;
  book.set_running(kLs, "a", true, kStart);
  book.set_running(kLs, "a", false, kStart + 10s);
  auto title = call(kStart + 14s);
  title.request_kind = RequestKind::checkpoint;
  EXPECT_EQ(tie_of(book, title), (Tie{"a", CascadeSource::inferred, "only_running"}));
  title.started_at = kStart + 16s;
  EXPECT_EQ(tie_of(book, title), kNone);
}

TEST(Cascades, TurnsOfOneCascadeMayOverlap) {
  Cascades book;
  book.set_running(kLs, "a", true, kStart);
  book.set_running(kLs, "a", true, kStart + 1s);
  book.set_running(kLs, "a", false, kStart + 2s);
  EXPECT_EQ(tie_of(book, call(kStart + 100s)).evidence, "only_running");
  book.set_running(kLs, "a", false, kStart + 200s);
  book.set_running(kLs, "a", false, kStart + 201s);  // one too many
  EXPECT_EQ(tie_of(book, call(kStart + 300s)), kNone);
}

TEST(Cascades, CompletionsAndOtherServicesBelongToNoCascade) {
  Cascades book;
  book.set_running(kLs, "a", true, kStart);
  auto tab = call(kStart + 1s);
  tab.request_kind = RequestKind::tab;
  EXPECT_EQ(tie_of(book, tab), kNone);
  auto other = call(kStart + 1s);
  other.api = Api::messages;
  EXPECT_EQ(tie_of(book, other), kNone);
}

TEST(Cascades, ACallOfAnotherSessionIsNotOfThisLanguageServer) {
  Cascades book;
  book.set_running(kLs, "a", true, kStart);
  auto exact = named_by_request("a");
  exact.hints.session_id = "-1";
  EXPECT_EQ(tie_of(book, exact).source, CascadeSource::exact);
  auto record = call(kStart + 1s);
  record.hints.session_id = "-2";
  EXPECT_EQ(tie_of(book, record), kNone);
  record.hints.session_id = "-1";
  EXPECT_EQ(tie_of(book, record).evidence, "only_running");
}

TEST(Cascades, AResponseThatTheLanguageServerNamedIsConfirmed) {
  Cascades book;
  book.add(kLs, "a", kStart);
  book.add_response("r", "a");
  auto record = named_by_request("a");
  record.response_id = "r";
  book.resolve(&record);
  EXPECT_TRUE(record.cascade_confirmed);
  EXPECT_EQ(record.cascade_evidence, "request_id");
  auto unnamed = call(kStart + 1s);
  unnamed.response_id = "r";
  book.resolve(&unnamed);
  EXPECT_TRUE(unnamed.cascade_confirmed);
  EXPECT_EQ((Tie{unnamed.cascade_id, unnamed.cascade_source, unnamed.cascade_evidence}),
            (Tie{"a", CascadeSource::exact, "response_id"}));
  auto other = named_by_request("a");
  other.response_id = "s";
  book.resolve(&other);
  EXPECT_FALSE(other.cascade_confirmed);
}

TEST(Cascades, TheInstanceIsTheOneThatRanAtThatTime) {
  Cascades book;
  EXPECT_EQ(book.instance_at(kStart), "");
  book.add_instance("old", kStart);
  book.add_instance("new", kStart + 10s);
  book.add_instance("old", kStart + 20s);  // known already
  EXPECT_EQ(book.instance_at(kStart - 1s), "");
  EXPECT_EQ(book.instance_at(kStart + 9s), "old");
  EXPECT_EQ(book.instance_at(kStart + 30s), "new");
}

TEST(Cascades, TheBookHasLimitsAndKeepsWhatRuns) {
  Cascades::Limits limits;
  limits.instances = 2;
  limits.cascades = 3;
  limits.responses = 2;
  Cascades book(limits);
  book.set_running(kLs, "runs", true, kStart);
  book.add_trajectory(kLs, "runs", "t-runs");
  for (int i = 0; i < 10; ++i) {
    const std::string id = "c" + std::to_string(i);
    book.add(kLs, id, kStart + std::chrono::seconds(i + 1));
    book.add_trajectory(kLs, id, "t-" + id);
    book.add_response("r" + std::to_string(i), id);
  }
  const auto by_trajectory = [&](const char* trajectory) {
    auto record = call(kStart - 1s);
    record.trajectory_id = trajectory;
    return tie_of(book, record);
  };
  EXPECT_EQ(by_trajectory("t-runs").source, CascadeSource::exact);
  EXPECT_EQ(by_trajectory("t-c9").source, CascadeSource::exact);
  EXPECT_EQ(by_trajectory("t-c0"), kNone);
  auto forgotten = call(kStart - 1s);
  forgotten.response_id = "r7";
  EXPECT_EQ(tie_of(book, forgotten), kNone);
  book.add_instance("x", kStart + 1s);
  book.add_instance("y", kStart + 2s);
  EXPECT_EQ(tie_of(book, named_by_request("c9")).source, CascadeSource::exact);  // by its form
  EXPECT_EQ(by_trajectory("t-c9"), kNone);
}

// 200 conversations at once, told and asked by several threads in a random order: each call is
// tied to its own conversation, or to none, whatever keys it happens to carry.
TEST(Cascades, TwoHundredAtOnceAndNoWrongTie) {
  constexpr int kCascades = 200;
  constexpr int kThreads = 8;
  constexpr int kCallsEach = 2'000;
  Cascades book;
  const auto id = [](const char* what, int i) {
    return std::string(what) + '-' + std::to_string(i);
  };
  book.add_instance(kLs, kStart);
  for (int i = 0; i < kCascades; ++i) {
    book.add(kLs, id("cascade", i), kStart);
    book.set_running(kLs, id("cascade", i), true, kStart);
  }
  std::atomic<int> wrong{0};
  std::atomic<int> exact{0};
  std::atomic<int> none{0};
  const auto work = [&](int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto dice = [&](int sides) {
      return static_cast<int>(random() % static_cast<unsigned>(sides));
    };
    for (int n = 0; n < kCallsEach; ++n) {
      const int i = dice(kCascades);
      const Micros at = kStart + std::chrono::milliseconds(n);
      book.add_trajectory(kLs, id("cascade", i), id("trajectory", i));
      // The first half of them never rests, so that there is never a single one at work.
      if (i >= kCascades / 2) {
        book.set_running(kLs, id("cascade", i), dice(2) == 0, at);
      }
      auto record = call(at);
      const int keys = dice(32);
      if ((keys & 1) != 0) {
        record.cascade_id = id(dice(4) == 0 ? "unknown" : "cascade", i);
        record.cascade_source = CascadeSource::exact;
        record.cascade_evidence = "request_id";
      }
      if ((keys & 2) != 0) {
        record.trajectory_id = id("trajectory", i);
      }
      if ((keys & 4) != 0) {
        record.hints.conversation_id = id("cascade", i);
      }
      if ((keys & 8) != 0) {
        record.hints.brain_id = id("cascade", i);
      }
      if ((keys & 16) != 0) {
        record.response_id = id("response", i);
        book.add_response(id("response", i), id("cascade", i));
      }
      const bool is_named_unknown = record.cascade_id == id("unknown", i);
      book.resolve(&record);
      const bool is_own = record.cascade_id == id("cascade", i);
      const bool is_unknown = is_named_unknown && record.cascade_id == id("unknown", i) &&
                              record.cascade_source == CascadeSource::inferred;
      if (record.cascade_id && !is_own && !is_unknown) {
        ++wrong;
      } else if (record.cascade_source == CascadeSource::exact) {
        ++exact;
      } else if (!record.cascade_id) {
        ++none;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back(work, t + 1);
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(exact, kThreads * kCallsEach * 8 / 10);
  EXPECT_GT(none, 0);
}

}  // namespace
}  // namespace agp::usage
