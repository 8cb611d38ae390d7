#include "daemon/finder/server.h"

#include "daemon/control/errors.h"
#include "daemon/ls/finder_wire.h"
#include "daemon/ls/line_socket.h"
#include "daemon/ls/remote_finder.h"
#include "tests/daemon/ls/scripted_finder.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::finder {
namespace {

using namespace std::chrono_literals;

/// Finds nothing, and says for whom and how often it looked.
class Counting final : public ls::SessionFinder {
 public:
  Counting(std::string user, std::vector<std::string>* looks)
      : user_(std::move(user)), looks_(looks) {}
  Result<Found> find(std::optional<std::uint64_t> keep) override {
    looks_->push_back(user_);
    Found found;
    found.outcome.hint = "look " + std::to_string(looks_->size()) + " of " + user_ + ", keep " +
                         (keep ? std::to_string(*keep) : "nothing");
    return found;
  }

 private:
  std::string user_;
  std::vector<std::string>* looks_;
};

class FinderServer : public ::testing::Test {
 protected:
  void SetUp() override {
    Server::Options options;
    options.make = [this](const std::string& user) {
      ++made;
      return std::make_unique<Counting>(user, &looks);
    };
    options.patience = 100ms;
    // It ends when its socket does: no test waits for it to be idle.
    options.idle = 60s;
    server = std::make_unique<Server>(std::move(options));
    thread = std::thread([this] { (void)server->serve(socket.listener()); });
  }
  void TearDown() override {
    (void)socket.finish();
    thread.join();
  }

  Result<ls::SessionFinder::Found> ask(const std::string& user) {
    ls::RemoteFinder::Options options;
    options.socket = socket.path();
    options.user = user;
    options.limit = 20s;
    return ls::RemoteFinder(options).find(7);
  }
  /// Says this instead of a question.
  std::string answer_to(const std::string& line) {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto until = std::chrono::steady_clock::now() + 20s;
    (void)ls::send_line(fd.get(), line, until);  // it may have had enough of it already
    const auto said = ls::receive_line(fd.get(), ls::kAnswerLimit, until);
    return said ? *said : "";
  }

  ls::ScriptedFinder socket;
  std::vector<std::string> looks;
  int made = 0;
  std::unique_ptr<Server> server;
  std::thread thread;
};

TEST_F(FinderServer, AnswersAndKeepsItsFinderForTheSameUser) {
  EXPECT_EQ(ask("auto")->outcome.hint, "look 1 of auto, keep 7");
  EXPECT_EQ(ask("auto")->outcome.hint, "look 2 of auto, keep 7");
  EXPECT_EQ(made, 1);
  EXPECT_EQ(ask("dev")->outcome.hint, "look 3 of dev, keep 7");
  EXPECT_EQ(made, 2);
}

TEST_F(FinderServer, WhatIsNoQuestionGetsAnErrorAndNoLook) {
  const auto answer = ls::decode_answer(answer_to("{\"version\":2}\n"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, control::Errc::scan_failed);
  EXPECT_TRUE(looks.empty());
  EXPECT_TRUE(ask("auto")) << "the next one is answered";
}

TEST_F(FinderServer, AQuestionWithoutAnEndGetsNoAnswer) {
  EXPECT_EQ(answer_to(std::string(ls::kQuestionLimit + 1, 'x')), "");
  EXPECT_TRUE(looks.empty());
  EXPECT_TRUE(ask("auto"));
}

TEST_F(FinderServer, OneThatAsksNothingIsNotWaitedFor) {
  EXPECT_EQ(answer_to(""), "");
  EXPECT_TRUE(ask("auto"));
}

TEST(FinderServerAlone, EndsWhenNobodyAsks) {
  ls::ScriptedFinder socket;
  Server::Options options;
  options.idle = 1ms;
  Server server(std::move(options));
  EXPECT_TRUE(server.serve(socket.listener()));
}

}  // namespace
}  // namespace agp::finder
