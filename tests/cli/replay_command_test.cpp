#include "cli/replay_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <filesystem>
#include <fstream>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli {
namespace {

constexpr const char* kUrl =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash:generateContent";
constexpr const char* kBody =
    R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,)"
    R"("candidatesTokenCount":3,"totalTokenCount":13}})";

class ReplayCommand : public ::testing::Test {
 protected:
  ReplayCommand() {
    std::string name = ::testing::TempDir() + "agp-cli-replay-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~ReplayCommand() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

TEST_F(ReplayCommand, ShowsRecordsAsTheApiDoes) {
  const auto file = write("body.json", kBody);
  const auto output = run_replay(parse_line({"replay", "--url", kUrl, file, file}));
  EXPECT_EQ(output.exit, Exit::ok) << output.err;
  const auto records = boost::json::parse(output.out);
  ASSERT_EQ(records.as_array().size(), 2U);
  EXPECT_EQ(records.at(0).at("schema").as_string(), "antigravity-proxy.record.v1");
  EXPECT_EQ(records.at(0).at("usage").at("total").to_number<int>(), 13);
  EXPECT_EQ(records.at(0).at("reported").as_object().empty(), false);
}

TEST_F(ReplayCommand, AFileThatCannotBeReadDoesNotKeepTheOthersBack) {
  const auto good = write("body.json", kBody);
  const auto bad = write("empty", "");
  const auto output = run_replay(parse_line({"replay", "--url", kUrl, bad, "/no/such/file", good}));
  EXPECT_EQ(output.exit, Exit::data);
  EXPECT_NE(output.err.find(bad + ": it is empty\n"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("/no/such/file: cannot be read: No such file"), std::string::npos);
  EXPECT_EQ(boost::json::parse(output.out).as_array().size(), 1U);
}

TEST_F(ReplayCommand, WithoutAnyRecordTheArrayIsEmpty) {
  const auto output = run_replay(parse_line({"replay", write("empty", "")}));
  EXPECT_EQ(output.out, "[]\n");
}

TEST_F(ReplayCommand, WrongLinesAreNamed) {
  FakeDaemon daemon;
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"replay"},
                                             {"replay", "--url", "example.org", "x"},
                                             {"replay", "--url", kUrl, "--host", "h", "x"},
                                             {"replay", "--frobnicate", "x"}}) {
    EXPECT_EQ(run(words, daemon, false).exit, Exit::usage) << words.back();
  }
}

}  // namespace
}  // namespace agp::cli
