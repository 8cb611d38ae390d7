#include "cli/usage_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli {
namespace {

using Query = std::map<std::string, std::string>;

class UsageCommand : public ::testing::Test {
 protected:
  UsageCommand() {
    EXPECT_EQ(::setenv("TZ", "Europe/Berlin", 1), 0);
    std::string name = ::testing::TempDir() + "agp-cli-usage-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~UsageCommand() override {
    (void)::unsetenv("TZ");
    std::filesystem::remove_all(folder_);
  }
  Output run_words(const std::vector<std::string>& words) { return run(words, daemon_, false); }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(folder_ / name).rdbuf();
    return out.str();
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
  FakeDaemon daemon_;
};

TEST_F(UsageCommand, OptionsBecomeTheQuestion) {
  const auto output =
      run_words({"usage", "--since", "-7d", "--until=today", "--group-by", "day,model",
                 "--cascade=c", "--provider", "google", "--host=h", "--kind", "tab", "--uid", "7"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(daemon_.asked, (Query{{"since", "-7d"},
                                  {"until", "today"},
                                  {"timezone", "Europe/Berlin"},
                                  {"group_by", "day,model"},
                                  {"cascade", "c"},
                                  {"provider", "google"},
                                  {"host", "h"},
                                  {"kind", "tab"},
                                  {"uid", "7"}}));
}

TEST_F(UsageCommand, APeriodIsAWordForTimes) {
  struct Case {
    const char* period;
    const char* since;
    const char* until;
  };
  daemon_.status_answer = R"({"started_at":"2026-11-23T08:00:00.000000Z"})";
  for (const auto& [period, since, until] :
       {Case{"today", "today", ""}, Case{"yesterday", "yesterday", "today"},
        Case{"week", "-7d", ""}, Case{"month", "-30d", ""},
        Case{"session", "2026-11-23T08:00:00.000000Z", ""}}) {
    EXPECT_EQ(run_words({"usage", period}).exit, Exit::ok);
    EXPECT_EQ(daemon_.asked["since"], since);
    EXPECT_EQ(daemon_.asked["until"], until);
  }
  EXPECT_EQ(run_words({"usage", "today", "--since", "-7d"}).exit, Exit::usage);
  EXPECT_EQ(run_words({"usage", "weak"}).exit, Exit::usage);
  daemon_.status_answer = R"({"started_at":null})";
  EXPECT_EQ(run_words({"usage", "session"}).exit, Exit::data);
}

TEST_F(UsageCommand, CsvIsOneOfTheForms) {
  daemon_.usage_answer = R"({"groups":[{"key":{"day":"2026-11-23"},"calls":2,"usage_unknown":0}]})";
  const auto output = run_words({"usage", "--by", "day", "--csv"});
  EXPECT_TRUE(output.out.starts_with("day,calls,ok,")) << output.out;
  EXPECT_NE(output.out.find("\r\n2026-11-23,2,"), std::string::npos) << output.out;
  EXPECT_EQ(run_words({"usage", "--csv", "--json"}).exit, Exit::usage);
  daemon_.usage_answer = "[]";
  EXPECT_EQ(run_words({"usage", "--csv"}).exit, Exit::data);
}

TEST_F(UsageCommand, TheTimeZoneIsTheLocalOneUnlessGiven) {
  (void)run_words({"usage"});
  EXPECT_EQ(daemon_.asked, (Query{{"timezone", "Europe/Berlin"}}));
  (void)run_words({"usage", "--timezone", "Asia/Kathmandu"});
  EXPECT_EQ(daemon_.asked, (Query{{"timezone", "Asia/Kathmandu"}}));
}

TEST_F(UsageCommand, RecordsAreAPageOfThem) {
  (void)run_words({"records", "--model", "m"});
  EXPECT_EQ(daemon_.asked, (Query{{"limit", "20"}, {"model", "m"}, {"timezone", "Europe/Berlin"}}));
  const auto output = run_words({"records", "--json", "--limit", "5", "--cursor", "01A"});
  EXPECT_EQ(daemon_.asked,
            (Query{{"limit", "5"}, {"cursor", "01A"}, {"timezone", "Europe/Berlin"}}));
  EXPECT_EQ(output.out, std::get<std::string>(daemon_.records_answer));
}

TEST_F(UsageCommand, OptionsOfAnotherVerbAreUnknown) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"usage", "--limit", "1"},
                                                                 {"records", "--group-by", "day"},
                                                                 {"export", "--limit", "1"},
                                                                 {"usage", "--output", "x"},
                                                                 {"records", "extra"},
                                                                 {"export"}}) {
    EXPECT_EQ(run_words(words).exit, Exit::usage) << words.back();
  }
}

TEST_F(UsageCommand, AnExportReplacesItsFileOnlyWhenItIsWhole) {
  daemon_.exported = "new\n";
  daemon_.export_answer = std::uint64_t{1};
  const auto done = run_words({"export", "--format", "csv", "--output", file("a.csv")});
  EXPECT_EQ(done.exit, Exit::ok) << done.err;
  EXPECT_EQ(done.out, "1 record written\n");
  EXPECT_EQ(daemon_.asked, (Query{{"format", "csv"}, {"timezone", "Europe/Berlin"}}));
  EXPECT_EQ(content("a.csv"), "new\n");
  daemon_.exported = "half";
  daemon_.export_answer = Failure{Exit::failed, "failed", "the ledger went away", ""};
  const auto cut = run_words({"export", "--format", "csv", "--output", file("a.csv")});
  EXPECT_EQ(cut.exit, Exit::failed);
  EXPECT_EQ(content("a.csv"), "new\n");
  const auto files = std::distance(std::filesystem::directory_iterator(folder_), {});
  EXPECT_EQ(files, 1) << "the unfinished file is still there";
}

TEST_F(UsageCommand, AnExportKeepsTheModeOfTheFileThatItReplaces) {
  daemon_.exported = "x";
  std::ofstream(folder_ / "a.json") << "old";
  std::filesystem::permissions(
      folder_ / "a.json", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(run_words({"export", "--format=json", "--output=" + file("a.json")}).exit, Exit::ok);
  EXPECT_EQ(std::filesystem::status(folder_ / "a.json").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(UsageCommand, AnExportThatCannotBeWrittenSaysSo) {
  const auto output = run_words({"export", "--format", "csv", "--output", file("no/such/file")});
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_NE(output.err.find("cannot be written"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace agp::cli
