#include "cli/render.h"
#include "tests/cli/screen_text.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

using Render = Answer<StatusText> (*)(std::string_view document, const Style& style);

StatusText shown(Render render, const std::string& document, const Style& style = {}) {
  const auto answer = render(document, style);
  EXPECT_NE(std::get_if<StatusText>(&answer), nullptr) << document;
  return std::get_if<StatusText>(&answer) == nullptr ? StatusText{} : std::get<StatusText>(answer);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string quota_of(const std::string& allowance) {
  return R"({"state":"current","age_seconds":12,"problem":null,"plan":{"name":"Pro","tier_name":null},)"
         R"("models":[{"id":"m","name":"M",)" +
         allowance + "}],\"pools\":[]}";
}

std::string left(const std::string& fraction) {
  const auto text = shown(render_quota, quota_of("\"remaining_fraction\":" + fraction +
                                                 ",\"resets_in_seconds\":1"))
                        .text;
  const auto at = text.find("\nM ") + 2;
  const auto begin = text.find_first_not_of(' ', at);
  return text.substr(begin, text.find("  ", begin) - begin);
}

TEST(RenderQuota, SharesAreNeverRoundedUp) {
  EXPECT_EQ(left("1"), "100 %");
  EXPECT_EQ(left("1E0"), "100 %");
  EXPECT_EQ(left("0.999"), "99 %");
  EXPECT_EQ(left("0.29"), "29 %");
  EXPECT_EQ(left("0.01"), "1 %");
  EXPECT_EQ(left("0.004"), "<1 %");
  EXPECT_EQ(left("0"), "0 %");
  EXPECT_EQ(left("null"), "unknown");
  EXPECT_EQ(left("\"1\""), "unknown");
}

TEST(RenderQuota, SaysWhenItStartsAgain) {
  const auto text = [](const char* seconds) {
    return shown(
               render_quota,
               quota_of(std::string(R"("remaining_fraction":0.5,"resets_in_seconds":)") + seconds))
        .text;
  };
  EXPECT_TRUE(has(text("59"), "in 59 s")) << text("59");
  EXPECT_TRUE(has(text("61"), "in 1 min"));
  EXPECT_TRUE(has(text("15120"), "in 4 h 12 min"));
  EXPECT_TRUE(has(text("86400"), "in 1 day\n"));
  EXPECT_TRUE(has(text("790000"), "in 9 days 3 h"));
  EXPECT_TRUE(has(text("null"), "unknown"));
  EXPECT_TRUE(text("1").starts_with("Plan Pro, read 12 s ago\n"));
}

TEST(RenderQuota, FitsBesideOtherWindows) {
  const std::string long_name(70, 'n');
  const auto out = shown(
      render_quota,
      R"({"problem":null,"models":[{"id":"m","name":")" + long_name +
          R"(","remaining_fraction":null,"unknown_because":"placeholder","resets_in_seconds":null}],)"
          R"("pools":[{"name":")" +
          long_name + R"(","buckets":[{"id":"b","name":")" + long_name +
          R"(","window":null,"remaining_fraction":0.5,"unknown_because":null,)"
          R"("resets_in_seconds":790000,"forecast":{"empty_at":null,"rate_per_hour":1}},)"
          R"({"id":"b-5h","window":"5h","remaining_fraction":0.2,"resets_in_seconds":60}]}]})",
      {false, 60});
  EXPECT_LE(widest(out.text), 60U) << out.text;
  EXPECT_TRUE(has(out.text, "5h"));
  EXPECT_TRUE(has(out.text, "no figures"));
  EXPECT_FALSE(out.is_degraded);
}

std::string lasting(const std::string& forecast) {
  return shown(render_quota,
               R"({"generated_at":"2026-11-23T12:00:00Z","models":[{"id":"m","name":"M",)"
               R"("remaining_fraction":0.5,"resets_in_seconds":60,"forecast":)" +
                   forecast +
                   R"(},{"id":"n","remaining_fraction":null,"forecast":null}],)"
                   R"("pools":[{"name":"P","buckets":[{"window":"5h","remaining_fraction":0.5,)"
                   R"("resets_in_seconds":60,"forecast":)" +
                   forecast + "}]}]}")
      .text;
}

TEST(RenderQuota, SaysHowLongItLastsAtThePresentRate) {
  const auto text = lasting(R"({"empty_at":null,"rate_per_hour":0.1,"basis_seconds":1200})");
  EXPECT_EQ(text,
            "MODEL     LEFT    RESETS       AT THIS RATE\n"
            "M         50 %  in 1 min  lasts until reset\n"
            "n      unknown   unknown\n"
            "\n"
            "POOL  WINDOW  LEFT    RESETS       AT THIS RATE\n"
            "P     5h      50 %  in 1 min  lasts until reset\n");
}

TEST(RenderQuota, WithoutAForecastThereIsNoColumnForOne) {
  EXPECT_FALSE(has(lasting("null"), "AT THIS RATE")) << lasting("null");
}

TEST(RenderQuota, WhatIsOldSaysWhy) {
  const auto out =
      shown(render_quota,
            R"({"problem":{"message":"it is silent","remedy":"do this"},"models":[],"pools":[]})");
  EXPECT_TRUE(out.is_degraded);
  EXPECT_TRUE(has(out.text, "it is silent"));
  EXPECT_TRUE(has(out.text, "Remedy: do this"));
}

TEST(RenderModels, AreTheNamesOfRequests) {
  const auto out = shown(
      render_models,
      R"({"data":[{"id":"gemini-3-flash","antigravity_proxy":{"display_name":"Gemini 3 Flash"}},)"
      R"({"id":"x","antigravity_proxy":{"display_name":null}}],)"
      R"("antigravity_proxy":{"source":"language_server","problem":null}})");
  EXPECT_EQ(out.text, "MODEL           NAME\ngemini-3-flash  Gemini 3 Flash\nx\n");
  EXPECT_FALSE(out.is_degraded);
}

TEST(RenderModels, ANameGoesBeforeTheWordForRequestsIsShortened) {
  const std::string id = "claude-sonnet-4-5-thinking-with-a-long-suffix";
  const auto document = R"({"data":[{"id":")" + id +
                        R"(","antigravity_proxy":{"display_name":"Claude Sonnet 4.5"}}]})";
  const auto out = shown(render_models, document, {false, 60});
  EXPECT_LE(widest(out.text), 60U) << out.text;
  EXPECT_TRUE(has(out.text, id));
  EXPECT_TRUE(has(out.text, "Not shown, for want of room: name."));
  EXPECT_TRUE(has(shown(render_models, document).text, "Claude Sonnet 4.5"));
}

TEST(RenderModels, ACatalogueSaysThatItIsOne) {
  const auto out =
      shown(render_models, R"({"data":[],"antigravity_proxy":{"source":"catalogue",)"
                           R"("problem":"no language server","remedy":"start the IDE"}})");
  EXPECT_TRUE(has(out.text, "not what is offered now"));
  EXPECT_TRUE(has(out.text, "start the IDE"));
  EXPECT_TRUE(out.is_degraded);
}

TEST(RenderSessions, SayWhichIsUsedAndWhyNot) {
  const auto out =
      shown(render_sessions,
            R"({"sessions":[{"pid":12,"user":"anna","kind":"ide","era":"e2","version":"1.21.6",)"
            R"("usable":true,"in_use":true,"reason":null},{"pid":4194304,)"
            R"("user":"a-rather-long-name-of-a-user","kind":"remote","era":null,"version":null,)"
            R"("usable":false,"in_use":false,"reason":"it has no login"}]})",
            {false, 60});
  EXPECT_LE(widest(out.text), 60U) << out.text;
  EXPECT_TRUE(has(out.text, "in use"));
  EXPECT_TRUE(has(out.text, "4194304: it has no login"));
  EXPECT_FALSE(out.is_degraded);
  EXPECT_EQ(shown(render_sessions, R"({"sessions":[]})").text,
            "No language server of an IDE is running.\n");
}

TEST(RenderLogin, WhatIsNoDocumentIsNotUnderstood) {
  for (const Render render : {&render_quota, &render_models, &render_sessions}) {
    for (const char* wrong : {"", "[]", "{"}) {
      const auto answer = render(wrong, Style{});
      const auto* failure = std::get_if<Failure>(&answer);
      ASSERT_NE(failure, nullptr) << wrong;
      EXPECT_EQ(failure->exit, Exit::data);
    }
    const auto empty = render("{}", Style{});
    EXPECT_NE(std::get_if<StatusText>(&empty), nullptr);
  }
}

}  // namespace
}  // namespace agp::cli
