#include "cli/render.h"

#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kUsage = R"({"schema":"antigravity-proxy.usage.v1","since":null,"until":null,
"timezone":"UTC","totals":{"calls":1003,"usage_unknown":2,"input_total":1234567,"cached_input":1000,
"output_total":88,"reasoning":7,"reasoning_unknown":1,"total":1234655,
"cost_usd_estimate":0.6123,"unpriced":2,"flags":{"bad_number":1}},
"groups":[{"key":{"model":"gemini-3-flash"},"calls":1001,"usage_unknown":0,"input_total":1234567,
"cached_input":1000,"output_total":88,"reasoning":7,"reasoning_unknown":1,
"cost_usd_estimate":6.123E-1,"unpriced":0,"total":1234655,"flags":{}},
{"key":{"model":null},"calls":2,"usage_unknown":2,"input_total":0,"cached_input":0,"output_total":0,
"reasoning":0,"reasoning_unknown":0,"total":0,"cost_usd_estimate":null,"unpriced":2,"flags":{}}]})";

std::string text_of(const Answer<std::string>& answer) {
  const auto* text = std::get_if<std::string>(&answer);
  return text == nullptr ? "failed" : *text;
}

TEST(RenderUsage, UsageIsAnAlignedTable) {
  EXPECT_EQ(text_of(render_usage(kUsage, {})),
            "Usage from the first record to now (UTC)\n"
            "\n"
            "MODEL           CALLS      INPUT   CACHED   OUTPUT      TOTAL    EST. $\n"
            "gemini-3-flash  1,001  1,234,567    1,000       88  1,234,655    0.6123\n"
            "(none)              2    unknown  unknown  unknown    unknown  unpriced\n"
            "all             1,003  1,234,567    1,000       88  1,234,655    0.6123\n"
            "\n"
            "Not shown, for want of room: reasoning. --json has all.\n"
            "\n"
            "The usage of 2 calls is unknown and not in the sums.\n"
            "1 call does not say how much of the output was reasoning.\n"
            "2 calls have no known price and are not in Est. $.\n"
            "Flags: bad_number=1\n");
}

TEST(RenderUsage, ColorsOnlyWhenAsked) {
  EXPECT_EQ(text_of(render_usage(kUsage, {})).find('\x1b'), std::string::npos);
  EXPECT_NE(text_of(render_usage(kUsage, {true})).find('\x1b'), std::string::npos);
}

TEST(RenderUsage, NamesFromTheNetworkCannotSteerTheTerminal) {
  const auto text = text_of(render_usage(
      R"({"timezone":"UTC","totals":{"calls":1,"usage_unknown":1},"groups":[{"key":{"model":"a\u001b[2Jb"},"calls":1,"usage_unknown":1}]})",
      {}));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("a?[2Jb"), std::string::npos);
}

TEST(RenderUsage, NothingRecordedIsSaidInWords) {
  EXPECT_NE(text_of(render_usage(R"({"timezone":"UTC","totals":{"calls":0},"groups":[]})", {}))
                .find("No calls were recorded."),
            std::string::npos);
}

std::string cost_in_table(const std::string& cost) {
  const auto text = text_of(render_usage(
      R"({"timezone":"UTC","totals":{"calls":1,"usage_unknown":0,"unpriced":0,"cost_usd_estimate":)" +
          cost + R"(},"groups":[]})",
      {}));
  const auto line = text.substr(text.find("\nall"));
  return line.substr(line.find_last_of(' ') + 1, line.find('\n', 1) - line.find_last_of(' ') - 1);
}

TEST(RenderUsage, MoneyIsShortAndNeverRoundedToNothing) {
  EXPECT_EQ(cost_in_table("null"), "unpriced");
  EXPECT_EQ(cost_in_table("0"), "0.0000");
  EXPECT_EQ(cost_in_table("1E-7"), "<0.0001");
  EXPECT_EQ(cost_in_table("4.9484E-3"), "0.0049");
  EXPECT_EQ(cost_in_table("1234.567"), "1234.57");
}

TEST(RenderUsage, ReasoningIsShownWhereThereIsRoom) {
  const auto text = text_of(render_usage(
      R"({"timezone":"UTC","totals":{"calls":1,"usage_unknown":0,"reasoning":7,"reasoning_unknown":0},)"
      R"("groups":[]})",
      {}));
  EXPECT_NE(text.find("REASONING"), std::string::npos) << text;
  EXPECT_EQ(text.find("Not shown"), std::string::npos) << text;
}

TEST(RenderUsage, LongNamesAreCutSoThatATableFitsTheScreen) {
  const auto text = text_of(render_usage(
      R"({"timezone":"UTC","totals":{"calls":1,"usage_unknown":0},"groups":[{"key":{"day":"2026-11-22",)"
      R"("model":"a-model-whose-name-is-longer-than-anybody-would-believe-\u00e9\u00e9\u00e9"},)"
      R"("calls":1,"usage_unknown":0,"input_total":1234567890,"cached_input":1,"output_total":2,)"
      R"("reasoning":3,"total":4,"reasoning_unknown":0,"cost_usd_estimate":1.5,"unpriced":0}]})",
      {}));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }),
              80)
        << line;
  }
  EXPECT_NE(text.find("1,234,567,890"), std::string::npos) << text;
  EXPECT_NE(text.find("2026-11-22"), std::string::npos) << text;
}

TEST(RenderRecords, IsATableWithTheWayToTheNextPage) {
  const auto text = text_of(render_records(
      R"({"records":[{"started_at":"2026-11-22T04:00:00.000001Z","model":"gemini-3-flash",)"
      R"("outcome":"ok","usage":{"input_total":9001,"cached_input":8192,"output_total":141},)"
      R"("cost_usd":4.9484E-3},{"started_at":"2026-11-22T03:00:00Z","model":null,)"
      R"("outcome":"partial","usage":null,"cost_usd":null}],"next_cursor":"01A"})",
      {}));
  EXPECT_EQ(text,
            "MODEL           OUTCOME     STARTED (UTC)    INPUT   CACHED   OUTPUT    EST. $\n"
            "gemini-3-flash  ok       2026-11-22 04:00    9,001    8,192      141    0.0049\n"
            "(none)          partial  2026-11-22 03:00  unknown  unknown  unknown  unpriced\n"
            "\n"
            "More with: --cursor 01A\n");
}

TEST(RenderRecords, WhatIsNotUnderstoodIsNotShown) {
  for (const char* document : {"", "[]", "{}", R"({"records":[1]})", R"({"records":{}})"}) {
    EXPECT_EQ(text_of(render_records(document, {})), "failed") << document;
  }
  EXPECT_EQ(text_of(render_records(R"({"records":[]})", {})), "No calls were recorded.\n");
}

}  // namespace
}  // namespace agp::cli
