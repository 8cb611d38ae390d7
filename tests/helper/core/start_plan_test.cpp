#include "helper/core/start_plan.h"

#include "helper/core/errc.h"
#include "tests/helper/core/help_texts.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

const StartRequest kRequest{42100, 42101, 35987, "own", "callback", "file_x", 0, 42102};

StartPlan plan(const char* help, const StartRequest& request = kRequest) {
  auto made = plan_start(request, Settings(), ProgramFlags::read(help));
  EXPECT_TRUE(made) << made.error().text();
  return made ? *made : StartPlan();
}

using Words = std::vector<std::string>;

TEST(StartPlan, FirstEra) {
  const auto made = plan(kHelpE1);
  const Words expected{"--enable_lsp",
                       "--extension_server_port",
                       "35987",
                       "--csrf_token",
                       "${AGP_CSRF_TOKEN}",
                       "--server_port",
                       "42100",
                       "--lsp_port",
                       "42101",
                       "--workspace_id",
                       "file_x",
                       "--cloud_code_endpoint",
                       "https://daily-cloudcode-pa.googleapis.com",
                       "--app_data_dir",
                       "antigravity"};
  EXPECT_EQ(made.arguments, expected);
  EXPECT_TRUE(made.has_one_token);
  EXPECT_EQ(made.secrets, "AGP_CSRF_TOKEN=callback\n") << "the one the extension server expects";
}

TEST(StartPlan, SecondEra) {
  const auto made = plan(kHelpE2);
  const Words expected{"--enable_lsp",
                       "--extension_server_port",
                       "35987",
                       "--csrf_token",
                       "${AGP_CSRF_TOKEN}",
                       "--extension_server_csrf_token",
                       "${AGP_EXTENSION_SERVER_CSRF_TOKEN}",
                       "--server_port",
                       "42100",
                       "--lsp_port",
                       "42101",
                       "--workspace_id",
                       "file_x",
                       "--cloud_code_endpoint",
                       "https://daily-cloudcode-pa.googleapis.com",
                       "--app_data_dir",
                       "antigravity"};
  EXPECT_EQ(made.arguments, expected);
  EXPECT_FALSE(made.has_one_token);
  EXPECT_EQ(made.secrets, "AGP_CSRF_TOKEN=own\nAGP_EXTENSION_SERVER_CSRF_TOKEN=callback\n");
}

TEST(StartPlan, ThirdEra) {
  const auto words = plan(kHelpE3).arguments;
  const auto value_of = [&](const std::string& name) {
    const auto at = std::find(words.begin(), words.end(), name);
    return at == words.end() ? std::string() : *(at + 1);
  };
  EXPECT_EQ(value_of("--https_server_port"), "42100");
  EXPECT_EQ(value_of("--http_server_port"), "42102");
  EXPECT_EQ(value_of("--server_port"), "");
}

TEST(StartPlan, LateSecondEraHasTheNewNameOfThePort) {
  std::string help = kHelpE2;
  help.replace(help.find("-server_port"), 1, "-https_");
  const auto words = plan(help.c_str()).arguments;
  EXPECT_NE(std::find(words.begin(), words.end(), "--https_server_port"), words.end());
  EXPECT_EQ(std::find(words.begin(), words.end(), "--server_port"), words.end());
}

TEST(StartPlan, NeverPassesWhatWouldOutliveOrOpenIt) {
  for (const char* help : {kHelpE1, kHelpE2, kHelpE3}) {
    for (const auto& word : plan(help).arguments) {
      for (const char* never :
           {"--persistent_mode", "--standalone", "--random_port", "--parent_pipe_path",
            "--dangerously-skip-permissions", "own", "callback"}) {
        EXPECT_NE(word, never);
      }
    }
  }
}

TEST(StartPlan, OneTokenForBothWhenTheCallerHasNoOther) {
  auto request = kRequest;
  request.extension_csrf_token.clear();
  EXPECT_EQ(plan(kHelpE1, request).secrets, "AGP_CSRF_TOKEN=own\n");
  EXPECT_EQ(plan(kHelpE2, request).secrets,
            "AGP_CSRF_TOKEN=own\nAGP_EXTENSION_SERVER_CSRF_TOKEN=own\n");
}

TEST(StartPlan, LeavesOutWhatIsUnknownAndNotNeeded) {
  const auto words =
      plan("  -csrf_token string\n  -server_port int\n  -extension_server_port int\n").arguments;
  const Words expected{"--extension_server_port", "35987",         "--csrf_token",
                       "${AGP_CSRF_TOKEN}",       "--server_port", "42100"};
  EXPECT_EQ(words, expected);
}

TEST(StartPlan, SaysWhichFlagIsMissing) {
  const auto refusal = [](const char* help) {
    const auto made = plan_start(kRequest, Settings(), ProgramFlags::read(help));
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().context;
  };
  EXPECT_NE(refusal("  -csrf_token s\n  -random_port\n  -extension_server_port int\n")
                .find("--https_server_port"),
            std::string::npos);
  EXPECT_NE(refusal("  -csrf_token s\n  -server_port int\n").find("--extension_server_port"),
            std::string::npos);
  EXPECT_NE(refusal("  -extension_server_port int\n  -server_port int\n").find("--csrf_token"),
            std::string::npos);
  EXPECT_NE(refusal("").find("no flags"), std::string::npos);
}

}  // namespace
}  // namespace agp::core
