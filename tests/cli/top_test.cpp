#include "cli/top_command.h"
#include "tests/cli/fake_daemon.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

namespace json = boost::json;
using top::Key;
using top::Snapshot;
using top::Tone;

json::object object(const std::string& text) {
  return json::parse(text).as_object();
}

std::string group(const std::string& model, long total) {
  return R"({"key":{"model":")" + model + R"("},"calls":2,"input_total":10,"cached_input":1,)" +
         R"("output_total":5,"total":)" + std::to_string(total) + R"(,"cost_usd_estimate":0.5})";
}

std::string usage(const std::string& groups, long total) {
  return R"({"totals":{"calls":2,"total":)" + std::to_string(total) +
         R"(,"cost_usd_estimate":null},"groups":[)" + groups + "]}";
}

Snapshot snapshot(int total = 30) {
  Snapshot out;
  out.at = 100;
  out.clock = "10:00:00";
  out.status = object(
      R"({"state":"ok","version":"1.0","capture":{"active":true},"interception":{"open":3,"calls_under_way":2},)"
      R"("problems":[]})");
  out.usage = object(usage(group("small", 10) + "," + group("large", total - 10), total));
  out.quota = object(R"({"models":[{"id":"a","name":"Model A","remaining_fraction":0.5},
      {"id":"b","name":"Model B","remaining_fraction":0.04},
      {"id":"c","name":"Model C","remaining_fraction":null}],"pools":[]})");
  out.recent = object(R"({"records":[{"ended_at":"2026-11-22T09:59:58.123456Z","model":"large",)"
                      R"("request_kind":"agent","outcome":"ok","total":20}]})");
  return out;
}

std::vector<std::string> text_of_screen(const std::vector<top::ScreenLine>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) {
    out.emplace_back();
    for (const auto& span : line) {
      out.back() += span.text;
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) {
    out += line + "\n";
  }
  return out;
}

std::string drawn(const Snapshot& now, top::Size size = {}, std::size_t skip = 0) {
  return joined(text_of_screen(top::draw(now, {}, size, skip, false)));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TopView, AScreenOf80By24HasEverything) {
  const auto text = drawn(snapshot());
  for (const char* part :
       {"antigravity-proxy 1.0  ok  capture on  10:00:00", "2 calls under way, 3 connections open",
        "2 calls, 30 tokens, est. $ unknown", "MODEL", "large", "QUOTA",
        "Model A  [##########..........]     50 %", "unknown", "09:59:58", "agent", "q quit"}) {
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  }
  EXPECT_LT(text.find("large"), text.find("small")) << "the largest comes first";
  EXPECT_LT(text.find("Model B"), text.find("Model A")) << "what runs out first comes first";
  EXPECT_LT(text.find("Model A"), text.find("Model C")) << "what nobody knows comes last";
}

TEST(TopView, WhateverTheSizeNothingIsWiderOrLonger) {
  auto now = snapshot();
  now.status["problems"] =
      json::parse(R"([{"message":"something is wrong","remedy":"do this","severity":"failing"}])");
  std::string many;
  for (int i = 0; i < 60; ++i) {
    many += (i == 0 ? "" : ",") + group("a-model-with-quite-a-long-name-" + std::to_string(i), i);
  }
  now.usage = object(usage(many, 1770));
  for (std::size_t rows = 0; rows <= 60; ++rows) {
    for (const std::size_t columns : {1U, 10U, 40U, 60U, 80U, 200U}) {
      const auto lines = text_of_screen(top::draw(now, {}, {rows, columns}, rows, rows % 2 == 0));
      ASSERT_EQ(lines.size(), rows);
      for (const auto& line : lines) {
        const auto width =
            std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
        ASSERT_LE(static_cast<std::size_t>(width), columns) << line;
      }
    }
  }
}

TEST(TopView, OnANarrowScreenNumbersStayWhole) {
  auto now = snapshot();
  now.usage = object(usage(group("a-model-with-quite-a-long-name", 123456789012), 123456789012));
  const auto text = drawn(now, {24, 60});
  EXPECT_TRUE(has(text, "a-mo")) << text;
  EXPECT_TRUE(has(text, "  123,456,789,012  0.5000  unknown")) << text;
  EXPECT_FALSE(has(text, "CACHED")) << text;
  EXPECT_TRUE(has(text, "[##########..........]")) << text;
}

TEST(TopView, ModelsScrollAndTheLastOneStays) {
  EXPECT_FALSE(has(drawn(snapshot(), {}, 1), "large      "));
  EXPECT_TRUE(has(drawn(snapshot(), {}, 1), "small"));
  EXPECT_TRUE(has(drawn(snapshot(), {}, 99), "small"));
}

TEST(TopView, ProblemsStandWithTheirRemedy) {
  auto now = snapshot();
  now.status["state"] = "degraded";
  now.status["problems"] = json::parse(
      R"([{"message":"rules are gone","remedy":"restart it","severity":"failing"},
          {"message":"the IDE is not running","remedy":"start it","severity":"waiting"}])");
  const auto text = drawn(now);
  EXPECT_TRUE(has(text, "Wrong  rules are gone\n       restart it\n")) << text;
  EXPECT_TRUE(has(text, "Waits  the IDE is not running\n")) << text;
}

TEST(TopView, WithoutQuotaItSaysWhy) {
  auto now = snapshot();
  now.quota = {};
  now.quota_problem = "nobody is signed in";
  EXPECT_TRUE(has(drawn(now), "QUOTA\nnobody is signed in\n"));
}

TEST(TopView, WhatIsLowIsMarked) {
  for (const auto& line : top::draw(snapshot(), {}, {}, 0, false)) {
    if (!line.empty() && has(line.front().text, "Model B")) {
      EXPECT_EQ(line.front().tone, Tone::bad);
    }
    if (!line.empty() && has(line.front().text, "Model A")) {
      EXPECT_EQ(line.front().tone, Tone::plain);
    }
  }
}

TEST(TopRates, AreTokensASecondBetweenTwoLooks) {
  auto before = snapshot(30);
  auto now = snapshot(50);
  now.at = before.at + 4;
  const auto rates = top::rates_between(before, now);
  EXPECT_EQ(rates.all, 5.0);
  EXPECT_EQ(rates.by_model.at("large"), 5.0);
  EXPECT_EQ(rates.by_model.at("small"), 0.0);
  EXPECT_TRUE(
      has(joined(text_of_screen(top::draw(now, rates, {}, 0, false))), "Now    5.0 tokens/s"));
}

TEST(TopRates, ANewDayAndALostLookAreNotKnown) {
  auto before = snapshot(50);
  auto now = snapshot(30);
  now.at = before.at + 2;
  EXPECT_EQ(top::rates_between(before, now).all, std::nullopt);
  now.usage = {};
  EXPECT_EQ(top::rates_between(before, now).all, std::nullopt);
  EXPECT_EQ(top::rates_between(before, before).all, std::nullopt);
}

/// A terminal that somebody presses keys at; each wait takes its whole time.
class FakeScreen final : public top::Screen {
 public:
  FakeScreen(std::vector<Key> keys, double* clock, std::vector<std::string>* shown)
      : keys_(std::move(keys)), clock_(clock), shown_(shown) {}
  [[nodiscard]] top::Size size() const override { return {}; }
  void show(const std::vector<top::ScreenLine>& lines) override {
    shown_->push_back(joined(text_of_screen(lines)));
  }
  [[nodiscard]] Key wait(std::chrono::milliseconds time) override {
    *clock_ += std::chrono::duration<double>(time).count();
    const auto key = keys_.empty() ? Key::quit : keys_.front();
    keys_.erase(keys_.begin(), keys_.begin() + (keys_.empty() ? 0 : 1));
    return key;
  }

 private:
  std::vector<Key> keys_;
  double* clock_;
  std::vector<std::string>* shown_;
};

struct Terminal {
  explicit Terminal(std::vector<Key> pressed = {}) : keys(std::move(pressed)) {}
  std::vector<Key> keys;
  std::vector<std::string> shown;
  double clock = 0;
  bool is_there = true;

  Output run(FakeDaemon& daemon, const std::vector<std::string>& words = {"top"}) {
    return run_top(parse_line(words), daemon,
                   TopHost{[this]() -> std::unique_ptr<top::Screen> {
                             return is_there ? std::make_unique<FakeScreen>(keys, &clock, &shown)
                                             : nullptr;
                           },
                           [this] { return clock; },
                           [] {
                             return std::string("10:00:00");
                           }});
  }
};

TEST(TopCommand, GoesOnUntilQIsPressed) {
  FakeDaemon daemon;
  Terminal terminal{{Key::none, Key::down, Key::quit}};
  EXPECT_EQ(terminal.run(daemon).exit, Exit::ok);
  ASSERT_EQ(terminal.shown.size(), 3U);
  EXPECT_TRUE(has(terminal.shown[0], "Now    unknown tokens/s"));
  EXPECT_TRUE(has(terminal.shown[1], "Now    0 tokens/s")) << terminal.shown[1];
}

TEST(TopCommand, PausedItAsksNobody) {
  FakeDaemon daemon;
  Terminal terminal{{Key::pause, Key::none, Key::none, Key::quit}};
  terminal.run(daemon);
  EXPECT_TRUE(has(terminal.shown.back(), "paused"));
  EXPECT_TRUE(has(terminal.shown.back(), "Now    unknown tokens/s"));
}

TEST(TopCommand, WithoutTheServiceItEndsWithItsReason) {
  FakeDaemon daemon;
  daemon.status_answer = Failure{Exit::not_active, "not_active", "is not running", "start it"};
  Terminal terminal;
  const auto output = terminal.run(daemon);
  EXPECT_EQ(output.exit, Exit::not_active);
  EXPECT_TRUE(terminal.shown.empty());
}

TEST(TopCommand, AServiceThatGoesAwayIsWaitedFor) {
  FakeDaemon daemon;
  daemon.usage_answer = Failure{Exit::unavailable, "gone", "went away", "wait"};
  Terminal terminal{{Key::none, Key::quit}};
  EXPECT_EQ(terminal.run(daemon).exit, Exit::ok);
  EXPECT_TRUE(has(terminal.shown.back(), "Wrong  went away; wait"));
}

TEST(TopCommand, WithoutATerminalItSaysWhatElseThereIs) {
  FakeDaemon daemon;
  Terminal terminal;
  terminal.is_there = false;
  const auto output = terminal.run(daemon);
  EXPECT_EQ(output.exit, Exit::usage);
  EXPECT_TRUE(has(output.err, "top --json"));
}

TEST(TopCommand, JsonIsOneDocument) {
  FakeDaemon daemon;
  daemon.quota_answer = Failure{Exit::refused, "refused", "not yours", ""};
  Terminal terminal;
  const auto output = terminal.run(daemon, {"top", "--json"});
  EXPECT_EQ(output.exit, Exit::ok);
  const auto document = object(output.out);
  EXPECT_TRUE(document.at("quota").is_null());
  EXPECT_EQ(document.at("status").at("version"), "1.0");
}

TEST(TopCommand, TheIntervalIsANumberOfSeconds) {
  FakeDaemon daemon;
  for (const char* wrong : {"0", "61", "2s", "", "-1"}) {
    Terminal terminal;
    EXPECT_EQ(terminal.run(daemon, {"top", std::string("--interval=") + wrong}).exit, Exit::usage)
        << wrong;
  }
  Terminal terminal;
  EXPECT_EQ(terminal.run(daemon, {"top", "--interval", "60"}).exit, Exit::ok);
  EXPECT_EQ(terminal.clock, 60);
}

}  // namespace
}  // namespace agp::cli
