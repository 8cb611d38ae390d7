#include "cli/render.h"
#include "tests/cli/screen_text.h"

#include <string>

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
  EXPECT_EQ(text_of(render_usage(kUsage, {false, 80})),
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

// By two keys, with a name and numbers as large as they come.
std::string large(const std::string& name, const std::string& number) {
  const auto sums = R"("calls":)" + number + R"(,"usage_unknown":1,"input_total":)" + number +
                    R"(,"cached_input":)" + number + R"(,"output_total":)" + number +
                    R"(,"reasoning":)" + number + R"(,"total":)" + number +
                    R"(,"reasoning_unknown":)" + number +
                    R"(,"cost_usd_estimate":123456.5,"unpriced":1,"flags":{"bad_number":1}})";
  return R"({"since":"2026-11-22T00:00:00Z","until":"2026-11-23T00:00:00Z",)"
         R"("timezone":"America/Argentina/ComodRivadavia","totals":{)" +
         sums + R"(,"groups":[{"key":{"day":"2026-11-22","model":")" + name + "\"}," + sums + "]}";
}

TEST(RenderUsage, ATableFitsTheTerminal) {
  const std::string name = "a-model-whose-name-is-longer-than-anybody-would-believe-\u00e9\u00e9";
  for (const std::size_t columns : {60U, 80U, 132U}) {
    for (const char* number : {"2", "1234567", "123456789012"}) {
      const auto text = text_of(render_usage(large(name, number), {false, columns}));
      EXPECT_LE(widest(text), columns) << text;
      EXPECT_NE(text.find("2026-11-22"), std::string::npos) << text;
      EXPECT_NE(text.find("INPUT"), std::string::npos) << text;
    }
  }
  const auto text = text_of(render_usage(large(name, "1234567"), {false, 60}));
  EXPECT_NE(text.find("1,234,567"), std::string::npos) << text;
  EXPECT_NE(text.find("a-mod"), std::string::npos) << text;
  EXPECT_NE(text.find("-\u00e9\u00e9  "), std::string::npos) << "cut in the middle\n" << text;
}

TEST(RenderUsage, InAPipeNothingIsCut) {
  const std::string name(200, 'n');
  const auto text = text_of(render_usage(large(name, "123456789012"), {}));
  EXPECT_NE(text.find(name), std::string::npos);
  EXPECT_NE(text.find("REASONING"), std::string::npos);
  EXPECT_EQ(text.find("Not shown"), std::string::npos);
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

TEST(RenderRecords, ATableFitsTheTerminal) {
  const std::string name(70, 'n');
  const auto document =
      R"({"records":[{"started_at":"2026-11-22T04:00:00.000001Z","model":")" + name +
      R"(","outcome":"partial","usage":{"input_total":123456789012,"cached_input":123456789012,)"
      R"("output_total":123456789012},"cost_usd":123456.5}]})";
  for (const std::size_t columns : {60U, 80U}) {
    const auto text = text_of(render_records(document, {false, columns}));
    EXPECT_LE(widest(text), columns) << text;
    EXPECT_NE(text.find("123,456,789,012"), std::string::npos) << text;
  }
  EXPECT_NE(text_of(render_records(document, {})).find(name), std::string::npos);
}

TEST(RenderRecords, WhatIsNotUnderstoodIsNotShown) {
  for (const char* document : {"", "[]", "{}", R"({"records":[1]})", R"({"records":{}})"}) {
    EXPECT_EQ(text_of(render_records(document, {})), "failed") << document;
  }
  EXPECT_EQ(text_of(render_records(R"({"records":[]})", {})), "No calls were recorded.\n");
}

}  // namespace
}  // namespace agp::cli
