#include "daemon/ls/live_feed.h"

#include "daemon/ls/envelope.h"
#include "daemon/ls/errors.h"
#include "tests/daemon/ls/fake_connect_server.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::minutes;
using Call = FakeConnectServer::Call;
using Reply = FakeConnectServer::Reply;
using Look = LiveFeed::Look;

/// What a stream says, in order; it stays open afterwards unless it is cut off.
Reply stream_of(const std::vector<std::string>& frames, bool is_cut = false) {
  Reply reply;
  reply.raw =
      "HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n";
  for (const std::string& frame : frames) {
    char length[20];
    (void)std::snprintf(length, sizeof length, "%zx\r\n", frame.size());
    reply.raw += length + frame + "\r\n";
  }
  reply.close_instead = is_cut;
  return reply;
}

std::string end_frame(const std::string& json) {
  std::string out = envelope(json);
  out[0] = 2;
  return out;
}

const std::string kDisabled =
    end_frame(R"({"error":{"code":"unknown","message":"reactive state is disabled"}})");

std::string planner(const std::string& text) {
  return R"({"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_GENERATING",)"
         R"("plannerResponse":{"response":")" +
         text + R"("}})";
}
std::string agent_state(const std::string& text) {
  return envelope(R"({"update":{"status":"CASCADE_RUN_STATUS_RUNNING","mainTrajectoryUpdate":)"
                  R"({"stepsUpdate":{"indices":[0],"steps":[)" +
                  planner(text) + R"(],"totalLength":1}}}})");
}
std::string reactive(const std::string& status) {
  return envelope(
      R"({"version":"1","diff":{"fieldDiffs":[{"fieldNumber":3,"updateSingular":{"enumValue":)" +
      status + "}}]}}");
}
std::string trajectory(const std::string& text) {
  return R"({"trajectory":{"steps":[)" + planner(text) +
         R"(]},"status":"CASCADE_RUN_STATUS_RUNNING"})";
}

class LiveFeedTest : public ::testing::Test {
 protected:
  LiveFeedTest() { options.poll = milliseconds(1); }

  LiveFeed* feed() {
    if (!feed_) {
      auto endpoint = std::make_shared<Endpoint>();
      endpoint->instance = "ls1";
      endpoint->port = server.port();
      endpoint->csrf_token = Secret<std::string>("token");
      client_ = std::make_unique<ConnectClient>(endpoint);
      feed_ = std::make_unique<LiveFeed>(endpoint, client_.get(), &choice, "C", 0, options);
    }
    return feed_.get();
  }
  void next_turn() { feed_.reset(); }

  static asio::awaitable<Result<Look>> next(LiveFeed* feed, LiveFeed::Duration within) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await feed->next(std::chrono::steady_clock::now() + within);
  }
  /// The next look of any kind.
  Result<Look> look_once(LiveFeed::Duration within = minutes(1)) {
    std::optional<Result<Look>> out;
    asio::co_spawn(io, next(feed(), within),
                   asio::bind_cancellation_slot(gives_up.slot(),
                                                [&](std::exception_ptr bug, Result<Look> look) {
                                                  EXPECT_FALSE(bug);
                                                  out = look;
                                                }));
    while (!out) {
      io.run_one();
    }
    return *out;
  }
  /// The next one that shows something.
  Result<Look> look() {
    for (;;) {
      auto out = look_once();
      if (!out || *out != Look::nothing) {
        return out;
      }
    }
  }
  Look shown() {
    auto out = look();
    EXPECT_TRUE(out) << (out ? std::string() : out.error().text());
    return out ? *out : Look::nothing;
  }
  std::string text() { return feed()->state().steps.at(0).text; }

  asio::io_context io;
  std::function<Reply(const Call&, std::size_t)> answer;  // with how often it was asked before
  FakeConnectServer server{&io, [this](const Call& call) {
                             return answer(call, server.count(call.method) - 1);
                           }};
  SourceChoice choice;
  LiveFeed::Options options;
  asio::cancellation_signal gives_up;

 private:
  std::unique_ptr<ConnectClient> client_;
  std::unique_ptr<LiveFeed> feed_;
};

const Reply kMissing{404, "404 page not found"};

TEST_F(LiveFeedTest, WatchesByTheBestStream) {
  answer = [](const Call&, std::size_t) {
    return stream_of({agent_state("he"), agent_state("hello")});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "he");
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "hello");
  EXPECT_EQ(feed()->source(), LiveSource::agent_state);
  EXPECT_EQ(server.calls().size(), 1U);
}

TEST_F(LiveFeedTest, TakesTheNextWayWhenOneIsMissing) {
  answer = [](const Call& call, std::size_t) {
    return call.method == "StreamAgentStateUpdates" ? kMissing : stream_of({reactive("2")});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(feed()->state().run_status, "RUNNING");
  EXPECT_EQ(feed()->source(), LiveSource::reactive);
}

TEST_F(LiveFeedTest, PollsWhenNoStreamWorksAndRemembersIt) {
  answer = [](const Call& call, std::size_t before) {
    if (call.method == "GetCascadeTrajectory") {
      return Reply{200, trajectory(before == 0 ? "he" : "hello")};
    }
    return call.method == "StreamAgentStateUpdates" ? kMissing : stream_of({kDisabled});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "hello");
  EXPECT_EQ(shown(), Look::same);
  next_turn();
  EXPECT_EQ(feed()->source(), LiveSource::poll);
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(server.count("StreamAgentStateUpdates"), 1U);
  EXPECT_EQ(server.count("StreamCascadeReactiveUpdates"), 1U);
}

TEST_F(LiveFeedTest, AsksAnewForAStreamThatWasCutOffAndShowsNothingTwice) {
  answer = [](const Call&, std::size_t before) {
    return before == 0 ? stream_of({agent_state("he")}, true)
                       : stream_of({agent_state("he"), agent_state("hello")});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(shown(), Look::same);
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "hello");
}

TEST_F(LiveFeedTest, AStreamThatIsLostAgainAndAgainIsReplaced) {
  answer = [](const Call& call, std::size_t) {
    if (call.method == "GetCascadeTrajectory") {
      return Reply{200, trajectory("hello")};
    }
    return stream_of({agent_state("he"), end_frame("{}")});
  };
  while (feed()->source() != LiveSource::poll) {
    ASSERT_TRUE(look());
  }
  EXPECT_EQ(text(), "hello");
  EXPECT_EQ(server.count("StreamAgentStateUpdates"), options.lost_streams);
  next_turn();
  EXPECT_EQ(feed()->source(), LiveSource::agent_state) << "ends are no faults";
}

TEST_F(LiveFeedTest, AStreamThatNeverSaysAnythingIsReplaced) {
  options.first_message = milliseconds(20);
  answer = [](const Call& call, std::size_t) {
    if (call.method == "GetCascadeTrajectory") {
      return Reply{200, trajectory("hello")};
    }
    Reply silence;
    silence.never = true;
    return silence;
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(feed()->source(), LiveSource::poll);
  next_turn();
  EXPECT_EQ(feed()->source(), LiveSource::agent_state) << "once is no habit";
}

TEST_F(LiveFeedTest, AsksAnewForAStreamThatFellSilent) {
  options.silence = milliseconds(20);
  answer = [](const Call&, std::size_t before) {
    return before < 2 ? stream_of({agent_state("he")}) : stream_of({agent_state("hello")});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(shown(), Look::same);
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "hello");
  EXPECT_EQ(feed()->source(), LiveSource::agent_state);
}

TEST_F(LiveFeedTest, NonsenseIsReplaced) {
  answer = [](const Call& call, std::size_t) {
    if (call.method == "GetCascadeTrajectory") {
      return Reply{200, trajectory("hello")};
    }
    return stream_of({envelope("nonsense")});
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(text(), "hello");
}

TEST_F(LiveFeedTest, ToleratesAFewFailedPolls) {
  answer = [](const Call& call, std::size_t before) {
    if (call.method != "GetCascadeTrajectory") {
      return kMissing;
    }
    return before % 5 == 4 ? Reply{200, trajectory("he")} : Reply{503, "{}"};
  };
  EXPECT_EQ(shown(), Look::news);
  EXPECT_EQ(shown(), Look::same);
  answer = [](const Call&, std::size_t) {
    return Reply{503, "{}"};
  };
  EXPECT_EQ(look().error().code, Errc::unavailable);
}

TEST_F(LiveFeedTest, ARefusalEndsItAtOnce) {
  const std::pair<unsigned, Errc> refusals[] = {
      {401, Errc::unauthenticated}, {403, Errc::permission_denied}, {404, Errc::unimplemented}};
  for (const auto& [status, code] : refusals) {
    answer = [status = status](const Call&, std::size_t) {
      return Reply{status, "{}"};
    };
    next_turn();
    const auto before = server.count("GetCascadeTrajectory");
    EXPECT_EQ(look().error().code, code);
    EXPECT_EQ(server.count("GetCascadeTrajectory"), before + 1);
  }
}

TEST_F(LiveFeedTest, ReturnsWhenTheTimeIsUp) {
  answer = [](const Call&, std::size_t) {
    return stream_of({agent_state("he")});
  };
  EXPECT_EQ(shown(), Look::news);
  const auto late = look_once(milliseconds(20));
  ASSERT_TRUE(late);
  EXPECT_EQ(*late, Look::nothing);
  EXPECT_EQ(shown(), Look::same) << "the stream was asked anew";
}

TEST_F(LiveFeedTest, CanBeGivenUpWhileItWaits) {
  for (const bool is_stream : {true, false}) {
    next_turn();
    answer = [&](const Call& call, std::size_t) {
      asio::post(io, [&] { gives_up.emit(asio::cancellation_type::terminal); });
      if (!is_stream && call.method != "GetCascadeTrajectory") {
        return kMissing;
      }
      Reply silence;
      silence.never = true;
      return silence;
    };
    EXPECT_EQ(look().error().code, Errc::canceled);
  }
}

}  // namespace
}  // namespace agp::ls
