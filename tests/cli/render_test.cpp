#include "cli/render.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kUsage = R"({"schema":"antigravity-proxy.usage.v1","since":null,"until":null,
"timezone":"UTC","totals":{"calls":1003,"usage_unknown":2,"input_total":1234567,"cached_input":1000,
"output_total":88,"reasoning":7,"reasoning_unknown":1,"total":1234655,"flags":{"bad_number":1}},
"groups":[{"key":{"model":"gemini-3-flash"},"calls":1001,"usage_unknown":0,"input_total":1234567,
"cached_input":1000,"output_total":88,"reasoning":7,"reasoning_unknown":1,"total":1234655,"flags":{}},
{"key":{"model":null},"calls":2,"usage_unknown":2,"input_total":0,"cached_input":0,"output_total":0,
"reasoning":0,"reasoning_unknown":0,"total":0,"flags":{}}]})";

std::string text_of(const Answer<std::string>& answer) {
  const auto* text = std::get_if<std::string>(&answer);
  return text == nullptr ? "failed" : *text;
}

TEST(Render, UsageIsAnAlignedTable) {
  EXPECT_EQ(text_of(render_usage(kUsage, {})),
            "Usage from the first record to now (UTC)\n"
            "\n"
            "MODEL           CALLS      INPUT   CACHED   OUTPUT  REASONING      TOTAL\n"
            "gemini-3-flash  1,001  1,234,567    1,000       88          7  1,234,655\n"
            "(none)              2    unknown  unknown  unknown    unknown    unknown\n"
            "all             1,003  1,234,567    1,000       88          7  1,234,655\n"
            "\n"
            "The usage of 2 calls is unknown and not in the sums.\n"
            "1 call does not say how much of the output was reasoning.\n"
            "Flags: bad_number=1\n");
}

TEST(Render, ColorsOnlyWhenAsked) {
  EXPECT_EQ(text_of(render_usage(kUsage, {})).find('\x1b'), std::string::npos);
  EXPECT_NE(text_of(render_usage(kUsage, {true})).find('\x1b'), std::string::npos);
}

TEST(Render, NamesFromTheNetworkCannotSteerTheTerminal) {
  const auto text = text_of(render_usage(
      R"({"timezone":"UTC","totals":{"calls":1,"usage_unknown":1},"groups":[{"key":{"model":"a\u001b[2Jb"},"calls":1,"usage_unknown":1}]})",
      {}));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("a?[2Jb"), std::string::npos);
}

TEST(Render, NothingRecordedIsSaidInWords) {
  EXPECT_NE(text_of(render_usage(R"({"timezone":"UTC","totals":{"calls":0},"groups":[]})", {}))
                .find("No calls were recorded."),
            std::string::npos);
}

TEST(Render, StatusNamesHostsWhoseCertificatesAreRefused) {
  const auto answer = render_status(
      R"({"state":"ok","version":"1.0","sockets":{"connect":["127.0.0.1:8745"],"reverse":[]},
          "interception":{"open":3,"intercepted":1200,"tunnelled":4,"blocked":0,"unparsed":0,
          "accept":{"paused":true},"refused_by_client":[{"host":"api.example.com","count":7,
          "last_at":"2026-11-22T04:00:00Z","remedy":"trust the bundle"}]},"problems":[]})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  for (const auto* expected :
       {"3 open; since the start 1,200 measured, 4 tunnelled", "full, new ones wait",
        "api.example.com: programs refuse our certificate, 7 times", "Remedy: trust the bundle",
        "HTTP CONNECT     127.0.0.1:8745"}) {
    EXPECT_NE(text->text.find(expected), std::string::npos) << expected << "\n" << text->text;
  }
  EXPECT_EQ(text->text.find("Reverse"), std::string::npos);
}

TEST(Render, StatusNamesProblemsWithTheirRemedies) {
  const auto answer = render_status(
      R"({"state":"degraded","version":"1.0","capture":{"mode":"service","active":false},
          "redirect":{"ipv4":null,"ipv6":true},
          "problems":[{"code":"x","message":"no iptables","remedy":"apt install iptables"}]})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  EXPECT_TRUE(text->is_degraded);
  EXPECT_NE(text->text.find("not active (mode service; IPv4 unknown, IPv6 yes)"), std::string::npos)
      << text->text;
  EXPECT_NE(text->text.find("Problem: no iptables\n Remedy: apt install iptables\n"),
            std::string::npos);
}

TEST(Render, StatusShowsThePolicyAndThatRequestsAreChanged) {
  const auto answer = render_status(
      R"({"state":"ok","version":"1.0","policy":{"generation":3,"loaded_at":"2026-11-22T08:00:00Z",
          "rewritten_hosts":["a.example","b.example"],"request_rules_hosts":["b.example"]}})",
      {});
  const auto* text = std::get_if<StatusText>(&answer);
  ASSERT_NE(text, nullptr);
  EXPECT_NE(text->text.find("3, loaded at 2026-11-22T08:00:00Z; rewritten: a.example, b.example\n"),
            std::string::npos)
      << text->text;
  EXPECT_NE(text->text.find("Request rules are on: requests to b.example are changed"),
            std::string::npos);
  const auto plain = render_status(
      R"({"state":"ok","policy":{"generation":1,"loaded_at":"x","request_rules_hosts":[]}})", {});
  EXPECT_EQ(std::get<StatusText>(plain).text.find("Request rules"), std::string::npos);
}

TEST(Render, GroupsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace agp::cli
