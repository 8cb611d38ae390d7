#include "daemon/otlp/exporter.h"

#include "tests/daemon/otlp/support.h"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::number_of;
using test::request_of;

constexpr std::uint64_t kLimit = 1 << 20;

// What a receiver answers, one after the other; then it takes everything.
struct Receiver {
  std::deque<Result<Answer>> answers;
  std::vector<std::int64_t> got;

  Result<Answer> take(const std::string& body) {
    got.push_back(number_of(body));
    if (answers.empty()) {
      return Answer{200, "", ""};
    }
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
};

asio::awaitable<Result<Answer>> answer_of(Receiver* receiver, std::string body) {
  co_return receiver->take(body);
}

class OtlpExporterTest : public ::testing::Test {
 protected:
  OtlpExporterTest() : queue_(std::make_unique<Queue>(folder_.queue(), kLimit)) {
    EXPECT_TRUE(queue_->open());
  }
  ~OtlpExporterTest() override { disk_.join(); }

  void start(std::chrono::milliseconds interval) {
    Exporter::Ports ports;
    ports.gather = [this] {
      return request_of(++gathered_);
    };
    ports.post = [this](std::string body) {
      return answer_of(&receiver_, std::move(body));
    };
    ports.random = [] {
      return 0.0;
    };
    exporter_ = std::make_unique<Exporter>(context_.get_executor(), disk_.get_executor(),
                                           std::move(ports), queue_.get(), interval);
    context_.restart();
    exporter_->start();
  }
  void run_until(const std::function<bool()>& is_done) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!is_done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      context_.run_one_for(1s);
    }
  }
  void stop() {
    exporter_->stop();
    context_.run_for(30s);  // returns as soon as nothing is left to do
  }

  test::Folder folder_;
  std::unique_ptr<Queue> queue_;
  asio::io_context context_{1};
  asio::thread_pool disk_{1};
  Receiver receiver_;
  std::uint64_t gathered_ = 0;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(OtlpExporterTest, SendsWhatItGathersAndKeepsNothing) {
  start(1ms);
  run_until([&] { return receiver_.got.size() == 3; });
  EXPECT_EQ(receiver_.got, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(exporter_->counts().waiting, 0U);
  EXPECT_EQ(exporter_->counts().accepted, 3U);
  EXPECT_EQ(exporter_->problem(), std::nullopt);
  stop();
}

TEST_F(OtlpExporterTest, WhatCouldNotBeSentComesFirstAfterwards) {
  receiver_.answers.emplace_back(Error{asio::error::connection_refused, "connect"});
  start(1ms);
  run_until([&] { return exporter_->counts().accepted >= 3; });
  ASSERT_GE(receiver_.got.size(), 4U);
  receiver_.got.erase(receiver_.got.begin());  // the attempt that failed
  for (std::size_t i = 0; i < receiver_.got.size(); ++i) {
    EXPECT_EQ(receiver_.got[i], static_cast<std::int64_t>(i + 1));
  }
  EXPECT_EQ(exporter_->counts().failed, 1U);
  stop();
}

TEST_F(OtlpExporterTest, ANewProcessBeginsWithWhatTheLastOneCouldNotSend) {
  receiver_.answers.emplace_back(Answer{503, "3600", ""});
  start(1ms);
  run_until([&] { return queue_->counts().waiting >= 3; });
  stop();
  const auto last = static_cast<std::int64_t>(gathered_);  // stop() has gathered once more
  const auto waiting = queue_->counts().waiting;
  EXPECT_EQ(static_cast<std::int64_t>(waiting), last);
  receiver_.got.clear();
  exporter_.reset();
  queue_ = std::make_unique<Queue>(folder_.queue(), kLimit);
  ASSERT_TRUE(queue_->open());
  start(1h);
  run_until([&] { return queue_->counts().waiting == 0; });
  ASSERT_EQ(receiver_.got.size(), waiting);
  EXPECT_EQ(receiver_.got.front(), 1);
  EXPECT_EQ(receiver_.got.back(), last);
  stop();
}

TEST_F(OtlpExporterTest, WhatIsRefusedIsGivenUpAndCounted) {
  ASSERT_TRUE(queue_->push(request_of(77)));
  receiver_.answers.emplace_back(Answer{400, "", ""});
  start(1h);
  run_until([&] { return queue_->counts().waiting == 0; });
  EXPECT_EQ(receiver_.got, std::vector<std::int64_t>{77});
  EXPECT_EQ(exporter_->counts().refused, 1U);
  EXPECT_EQ(exporter_->counts().accepted, 0U);
  stop();
}

TEST_F(OtlpExporterTest, ThreeFailuresInARowAreAProblemThatASuccessEnds) {
  ASSERT_TRUE(queue_->push(request_of(1)));
  for (int i = 0; i < 3; ++i) {
    receiver_.answers.emplace_back(Answer{502, "", ""});
  }
  start(1h);
  run_until([&] { return exporter_->counts().failed == 2; });
  EXPECT_EQ(exporter_->problem(), std::nullopt);
  EXPECT_EQ(exporter_->last_error(), "the receiver answers 502");
  EXPECT_EQ(exporter_->counts().accepted_at, std::nullopt);
  run_until([&] { return exporter_->counts().failed == 3; });
  EXPECT_EQ(exporter_->problem(), "the receiver answers 502");
  run_until([&] { return exporter_->counts().accepted == 1; });
  EXPECT_EQ(exporter_->problem(), std::nullopt);
  EXPECT_EQ(exporter_->last_error(), "");
  EXPECT_NE(exporter_->counts().accepted_at, std::nullopt);
  stop();
}

TEST_F(OtlpExporterTest, AQueueThatCannotBeWrittenIsOnlyACount) {
  std::filesystem::remove_all(folder_.queue());
  receiver_.answers.emplace_back(Answer{503, "0", ""});
  start(1ms);
  run_until([&] { return exporter_->counts().accepted >= 1; });
  EXPECT_GE(exporter_->counts().unwritable, 1U);
  EXPECT_EQ(exporter_->keep_problem(), std::nullopt) << "there is nothing to keep";
  stop();
}

TEST_F(OtlpExporterTest, AQueueThatCannotBeWrittenIsAProblemWhileNobodyTakesIt) {
  std::filesystem::remove_all(folder_.queue());
  receiver_.answers.emplace_back(Answer{503, "3600", ""});
  start(1ms);
  run_until([&] { return exporter_->keep_problem().has_value(); });
  EXPECT_NE(exporter_->keep_problem()->find("unfinished"), std::string::npos);
  std::filesystem::create_directory(folder_.queue());
  run_until([&] { return exporter_->counts().waiting > 0 && !exporter_->keep_problem(); });
  stop();
}

}  // namespace
}  // namespace agp::otlp
