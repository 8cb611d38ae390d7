#include "cli/guard_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

std::string quota(const std::string& models, const char* state = "current") {
  return std::string(R"({"state":")") + state + R"(","models":[)" + models +
         R"(],"pools":[{"name":"premium","buckets":[)"
         R"({"window":"5h","remaining_fraction":0.5,"resets_at":"2026-11-23T10:00:00Z"}]}]})";
}

constexpr const char* kModels =
    R"({"id":"a","name":"Model A","disabled":false,"remaining_fraction":0.9,"resets_at":null},)"
    R"({"id":"b","name":"Model B","disabled":false,"remaining_fraction":0.1,)"
    R"("resets_at":"2026-11-23T09:00:00Z"},)"
    R"({"id":"c","name":null,"disabled":false,"remaining_fraction":null,"resets_at":null},)"
    R"({"id":"d","name":null,"disabled":true,"remaining_fraction":0,"resets_at":null})";

class GuardCommand : public ::testing::Test {
 protected:
  GuardCommand() { daemon.quota_answer = quota(kModels); }
  Output guard(std::vector<std::string> words) {
    words.insert(words.begin(), "guard");
    return run(words, daemon, false);
  }
  FakeDaemon daemon;
};

TEST_F(GuardCommand, SaysWhetherEnoughIsLeft) {
  EXPECT_EQ(guard({"--min-remaining", "20%", "--model", "a"}).exit, Exit::ok);
  EXPECT_EQ(guard({"--min-remaining", "0.9", "--model", "Model A"}).exit, Exit::ok);
  EXPECT_EQ(guard({"--min-remaining", "91%", "--model", "a"}).exit, Exit::failed);
  EXPECT_EQ(guard({"--min-remaining", "0.5", "--pool", "premium"}).exit, Exit::ok);
  EXPECT_EQ(guard({"--min-remaining", "51%", "--pool", "premium"}).exit, Exit::failed);
}

TEST_F(GuardCommand, NamesWhatIsShortAndUntilWhen) {
  const auto output = guard({"--min-remaining", "20%", "--model", "b"});
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_EQ(output.out, "b: 10 % left, resets at 2026-11-23T09:00:00Z\n");
  EXPECT_EQ(guard({"--min-remaining", "60%", "--pool", "premium"}).out,
            "premium (5h): 50 % left, resets at 2026-11-23T10:00:00Z\n");
}

TEST_F(GuardCommand, WithoutANameEverythingCounts) {
  EXPECT_EQ(guard({"--min-remaining", "20%"}).exit, Exit::failed);
  // Nothing is below 10 %, but one is not known; the disabled one does not count.
  EXPECT_EQ(guard({"--min-remaining", "10%"}).exit, Exit::data);
  EXPECT_EQ(guard({"--min-remaining", "10%", "--unknown-ok"}).exit, Exit::ok);
}

TEST_F(GuardCommand, UnknownIsNeverEnough) {
  EXPECT_EQ(guard({"--min-remaining", "0%", "--model", "c"}).exit, Exit::data);
  EXPECT_EQ(guard({"--min-remaining", "0%", "--model", "no-such"}).exit, Exit::data);
  daemon.quota_answer = quota(kModels, "stale");
  EXPECT_EQ(guard({"--min-remaining", "20%", "--model", "a"}).exit, Exit::data);
  EXPECT_EQ(guard({"--min-remaining", "20%", "--model", "a", "--unknown-ok"}).exit, Exit::ok);
  EXPECT_EQ(guard({"--min-remaining", "20%", "--model", "b", "--unknown-ok"}).exit, Exit::failed);
  daemon.quota_answer = Failure{Exit::failed, "failed", "no language server", "start one"};
  EXPECT_EQ(guard({"--min-remaining", "20%"}).exit, Exit::data);
  EXPECT_EQ(guard({"--min-remaining", "20%", "--unknown-ok"}).exit, Exit::ok);
}

TEST_F(GuardCommand, AnAbsentServiceIsNotLetPass) {
  daemon.quota_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  EXPECT_EQ(guard({"--min-remaining", "20%", "--unknown-ok"}).exit, Exit::not_active);
}

TEST_F(GuardCommand, JsonSaysTheSame) {
  EXPECT_EQ(guard({"--min-remaining", "20%", "--model", "b", "--json"}).out,
            R"({"schema":"antigravity-proxy.guard.v1","enough":false,"min_remaining":2E-1,)"
            R"("low":[{"kind":"model","name":"b","window":null,"remaining_fraction":1E-1,)"
            R"("resets_at":"2026-11-23T09:00:00Z"}],"unknown":[]})"
            "\n");
  const auto unknown = guard({"--min-remaining", "20%", "--model", "c", "--json"}).out;
  EXPECT_NE(unknown.find(R"("enough":null)"), std::string::npos) << unknown;
}

TEST_F(GuardCommand, AWrongLineIsNamed) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{},
        {"--min-remaining", "lots"},
        {"--min-remaining", "101%"},
        {"--min-remaining", "20"},
        {"--min-remaining", "-0.1"},
        {"--min-remaining", ""},
        {"--min-remaining", "1%", "--model", "a", "--pool", "b"}}) {
    EXPECT_EQ(guard(words).exit, Exit::usage);
  }
}

TEST(Share, MayBeAPercentageOrAFraction) {
  EXPECT_EQ(parse_share("20%"), std::optional(0.2));
  EXPECT_EQ(parse_share("0.25"), std::optional(0.25));
  EXPECT_EQ(parse_share("1"), std::optional(1.0));
  for (const char* wrong : {"", "%", "nan", "inf", "1e-1", "0x1", "1.1", "0.5 "}) {
    EXPECT_EQ(parse_share(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace agp::cli
