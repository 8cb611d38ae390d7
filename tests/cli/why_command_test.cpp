#include "cli/why_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"
#include "tests/cli/screen_text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kDocument = R"({
  "schema":"antigravity-proxy.why.v1","since":"2026-11-22T04:00:00Z","until":"2026-11-22T09:00:00Z",
  "measured":{"calls":4,"usage_unknown":1,"total":41},"calls_without_fall":1,"calls_not_sampled":0,
  "quotas":[
   {"uid":1000,"kind":"pool","id":"gemini-5h","name":"Gemini Models","window":"5h","fell_by":0.125,
    "fell_without_calls":0.0004,"resets":0,
    "falls":[{"since":"2026-11-22T04:00:00Z","until":"2026-11-22T04:05:00.25Z","from":0.9,"to":0.775,
              "calls_shortly_before":0,"calls":2,"usage_unknown":0,"total":12345678}],
    "by_model":[{"key":"gemini-3-flash-with-a-name-that-is-very-long-indeed","share":0.75,"calls":2,
                 "usage_unknown":0,"input_total":11000000,"cached_input":10000000,
                 "output_total":1345678,"reasoning":1000000,"reasoning_unknown":1}],
    "by_kind":[{"key":null,"share":null,"calls":1,"usage_unknown":1,"input_total":0,
                "cached_input":0,"output_total":0,"reasoning":0,"reasoning_unknown":0}],
    "by_cascade":[]},
   {"uid":1000,"kind":"model","id":"m","name":"m","window":null,"fell_by":0,"falls":[]},
   {"uid":1000,"kind":"pool","id":"p","name":"\u001bP","window":"weekly","fell_by":0,"falls":[]}],
  "notes":[{"code":"used_elsewhere","message":"where a quota fell and no call was measured it was used elsewhere: on another device"}]})";

Output run_words(FakeDaemon& daemon, const std::vector<std::string>& words) {
  return run(words, daemon, false);
}

TEST(WhyCommand, ShowsFallsAndWhatWasMeasuredMeanwhile) {
  FakeDaemon daemon;
  daemon.why_answer = kDocument;
  const auto output = run_words(daemon, {"why"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_TRUE(daemon.asked.empty());
  for (const char* text : {"From 2026-11-22 04:00 to 2026-11-22 09:00 (UTC): 4 calls", "41 tokens",
                           "Gemini Models, 5h: fell by 12.5 %, <0.1 % without a measured call",
                           "2026-11-22 04:00  2026-11-22 04:05  12.5 %  77.5 %      2  12,345,678",
                           "  75.0 %      2  11,000,000  10,000,000  1,345,678  1,000,000",
                           "Did not fall: m; ?P, weekly", "Note: where a quota fell"}) {
    EXPECT_NE(output.out.find(text), std::string::npos) << text << "\n" << output.out;
  }
  EXPECT_EQ(output.out.find("CONVERSATION"), std::string::npos) << "there is none";
}

TEST(WhyCommand, WhatIsNotKnownIsNoZero) {
  FakeDaemon daemon;
  daemon.why_answer = kDocument;
  EXPECT_NE(run_words(daemon, {"why"})
                .out.find("(none)  unknown      1  unknown  unknown  unknown    unknown"),
            std::string::npos)
      << run_words(daemon, {"why"}).out;
}

TEST(WhyCommand, FitsTheTerminal) {
  FakeDaemon daemon;
  std::string document = kDocument;
  for (const char* number : {"12345678", "11000000", "10000000", "1345678", "1000000"}) {
    document.replace(document.find(number), std::string_view(number).size(), "123456789012");
  }
  daemon.why_answer = document;
  for (const std::size_t columns : {60U, 80U}) {
    const auto text = run({"why"}, daemon, {false, columns}).out;
    EXPECT_LE(widest(text), columns) << text;
    EXPECT_NE(text.find("2026-11-22 04:05  12.5 %"), std::string::npos) << text;
    EXPECT_NE(text.find("123,456,789,012"), std::string::npos) << text;
  }
  EXPECT_NE(
      run({"why"}, daemon, {}).out.find("gemini-3-flash-with-a-name-that-is-very-long-indeed"),
      std::string::npos);
}

TEST(WhyCommand, AsksForTheWindowAndShowsTheDocumentAsItIs) {
  FakeDaemon daemon;
  daemon.why_answer = kDocument;
  EXPECT_EQ(run_words(daemon, {"why", "--window", "24h", "--json"}).out, kDocument);
  EXPECT_EQ(daemon.asked, (std::map<std::string, std::string>{{"window", "24h"}}));
}

TEST(WhyCommand, WrongLinesAndFailuresKeepTheirExitCodes) {
  FakeDaemon daemon;
  EXPECT_TRUE(run_words(daemon, {"why", "--help"}).out.starts_with("Usage: antigravity-proxy why"));
  EXPECT_EQ(run_words(daemon, {"why", "extra"}).exit, Exit::usage);
  EXPECT_EQ(run_words(daemon, {"why", "--since", "today"}).exit, Exit::usage);
  daemon.why_answer = "{}";
  EXPECT_EQ(run_words(daemon, {"why"}).exit, Exit::data);
  daemon.why_answer = Failure{Exit::data, "invalid_parameter", "window: wrong", ""};
  EXPECT_EQ(run_words(daemon, {"why", "--window", "x"}).exit, Exit::data);
}

}  // namespace
}  // namespace agp::cli
