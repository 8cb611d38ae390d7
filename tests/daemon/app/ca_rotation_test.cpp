#include "daemon/app/ca_rotation.h"

#include "tests/daemon/tls/support.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/errc.hpp>
#include <gtest/gtest.h>

namespace agp::app {
namespace {

namespace asio = boost::asio;

using Words = std::vector<std::string>;

/// Plays disk, helper and language server. `said` has every wish as a word. What the language
/// server does next is asked at each look.
class CaRotationTest : public ::testing::Test {
 protected:
  CaRotationTest() {
    auto opened = tls::Authority::open_or_create(state_.path(), tls::patterns({"a.example"}),
                                                 std::chrono::system_clock::now());
    EXPECT_TRUE(opened) << opened.error().text();
    old_ = opened->authority;
    CaRotation::Ports ports;
    ports.make = [this]() -> Result<CaRotation::AuthorityPtr> {
      said.emplace_back("make");
      if (fails == "make") {
        return failure();
      }
      return tls::Authority::create_next(state_.path(), tls::patterns({"a.example"}),
                                         std::chrono::system_clock::now());
    };
    ports.adopt = [this]() -> Result<> {
      said.emplace_back("adopt");
      return fails == "adopt" ? Result<>(failure()) : tls::Authority::adopt_next(state_.path());
    };
    ports.discard = [this] {
      said.emplace_back("discard");
      tls::Authority::discard_next(state_.path());
    };
    ports.trust = [this](std::string pem) {
      return trust(std::move(pem));
    };
    ports.use = [this](CaRotation::AuthorityPtr next) {
      said.emplace_back("use");
      used = std::move(next);
    };
    ports.has_language_server = [this] {
      if (on_look) {
        on_look();
      }
      return has_server;
    };
    ports.starts = [this] {
      return starts;
    };
    ports.is_busy = [this] {
      return is_busy;
    };
    ports.restart_language_server = [this] {
      said.emplace_back("restart");
    };
    ports.on_change = [this] {
      steps.emplace_back(to_string(rotation->step()));
    };
    rotation.emplace(io.get_executor(), io.get_executor(), std::move(ports),
                     std::chrono::milliseconds(0));
  }

  static Error failure() { return {make_error_code(boost::system::errc::io_error), "test"}; }

  asio::awaitable<Result<>> trust(std::string pem) {
    const bool has_old = pem.find(old_->pem()) != std::string::npos;
    const bool has_new = pem.size() > old_->pem().size() || !has_old;
    said.push_back(has_old && has_new ? "trust both" : has_old ? "trust old" : "trust new");
    if (fails == said.back()) {
      co_return failure();
    }
    co_return Result<>();
  }

  Words rotate() {
    rotation->begin(old_);
    io.restart();
    io.run();
    return std::exchange(said, {});
  }

  tls::StateDirectory state_;
  CaRotation::AuthorityPtr old_;
  asio::io_context io{1};
  std::optional<CaRotation> rotation;
  Words said;
  Words steps;
  std::string fails;
  std::function<void()> on_look;
  bool has_server = false;
  bool is_busy = false;
  std::uint64_t starts = 5;
  CaRotation::AuthorityPtr used;
};

TEST_F(CaRotationTest, BothAreTrustedBeforeTheNewOneSigns) {
  EXPECT_EQ(rotate(), (Words{"make", "trust both", "adopt", "use", "trust new"}));
  EXPECT_EQ(steps, (Words{"making", "publishing", "switching", "none"}));
  EXPECT_EQ(rotation->problem(), "");
  ASSERT_NE(used, nullptr);
  EXPECT_NE(used->fingerprint(), old_->fingerprint());
  const auto stored = tls::Authority::open_or_create(state_.path(), tls::patterns({"a.example"}),
                                                     std::chrono::system_clock::now());
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->authority->fingerprint(), used->fingerprint());
}

TEST_F(CaRotationTest, TheLanguageServerIsRestartedOnceBetweenTurns) {
  has_server = true;
  is_busy = true;
  int looks = 0;
  on_look = [&] {
    EXPECT_EQ(used, nullptr) << "it trusts the old one alone";
    ++looks;
    is_busy = looks < 4;
    if (looks == 3) {
      EXPECT_STREQ(to_string(rotation->step()), "waiting-for-turns");
      EXPECT_NE(rotation->next(), nullptr);
    }
    if (looks == 8) {
      ++starts;  // with the bundle that has both
    }
  };
  EXPECT_EQ(rotate(), (Words{"make", "trust both", "restart", "adopt", "use", "trust new"}));
  EXPECT_EQ(steps, (Words{"making", "publishing", "waiting-for-turns", "restarting-language-server",
                          "switching", "none"}));
  EXPECT_EQ(rotation->next(), nullptr);
}

TEST_F(CaRotationTest, OneThatEndsByItselfNeedsNoRestart) {
  has_server = true;
  is_busy = true;
  int looks = 0;
  on_look = [&] {
    has_server = ++looks < 3;
  };
  EXPECT_EQ(rotate(), (Words{"make", "trust both", "adopt", "use", "trust new"}));
}

TEST_F(CaRotationTest, WhatFailsLeavesTheOldOne) {
  for (const auto& [step, expected] :
       {std::pair{"make", Words{"make", "discard", "trust old"}},
        std::pair{"trust both", Words{"make", "trust both", "discard", "trust old"}},
        std::pair{"adopt", Words{"make", "trust both", "adopt", "discard", "trust old"}}}) {
    fails = step;
    EXPECT_EQ(rotate(), expected) << step;
    EXPECT_NE(rotation->problem().find("test"), std::string::npos) << rotation->problem();
    EXPECT_EQ(used, nullptr) << step;
    const auto stored = tls::Authority::open_or_create(state_.path(), tls::patterns({"a.example"}),
                                                       std::chrono::system_clock::now());
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->authority->fingerprint(), old_->fingerprint()) << step;
  }
  fails.clear();
  (void)rotate();
  EXPECT_EQ(rotation->problem(), "");
}

TEST_F(CaRotationTest, ABundleThatKeepsBothIsNoFailure) {
  fails = "trust new";
  (void)rotate();
  EXPECT_NE(used, nullptr);
  EXPECT_EQ(rotation->problem(), "");
}

TEST_F(CaRotationTest, OneAtATime) {
  rotation->begin(old_);
  EXPECT_EQ(rotate(), (Words{"make", "trust both", "adopt", "use", "trust new"}));
}

TEST_F(CaRotationTest, AStopLeavesTheRestToTheNextStart) {
  has_server = true;
  is_busy = true;
  on_look = [this] {
    rotation->stop();
  };
  EXPECT_EQ(rotate(), (Words{"make", "trust both"}));
  EXPECT_EQ(used, nullptr);
  EXPECT_STREQ(to_string(rotation->step()), "none");
  const auto stored = tls::Authority::open_or_create(state_.path(), tls::patterns({"a.example"}),
                                                     std::chrono::system_clock::now());
  ASSERT_TRUE(stored);
  EXPECT_NE(stored->authority->fingerprint(), old_->fingerprint());
  EXPECT_EQ(stored->renewed_because, "the service ended while it was being replaced");
}

}  // namespace
}  // namespace agp::app
