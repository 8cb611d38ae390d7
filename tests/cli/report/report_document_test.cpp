#include "cli/report/report_document.h"

#include "cli/command.h"
#include "cli/report_command.h"
#include "tests/cli/doctor/healthy.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::cli::report {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

TEST(ReportDocument, NoCanaryIsInItAndWhatHelpsIs) {
  HealthyMachine machine;
  const std::string token = "ya29.A0canaryTOKEN77";
  const std::string password = "canary-pass word";
  const std::string cascade = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
  machine.complain("language-server", "user canaryuser of /home/canaryuser, cascade " + cascade,
                   "token " + token + " at canary.corp.example");
  machine.sources.configuration_seen.faults = {"proxy.yaml:1:1: got " + password};
  Surroundings surroundings;
  surroundings.system = {{"kernel", "Linux 6.1.0-37-amd64 x86_64"}};
  surroundings.users = {"canaryuser"};
  surroundings.machine_name = "canaryhost";
  surroundings.configuration = {
      {"/etc/antigravity-proxy/policy.yaml", "http:\n  - set:\n      Authorization: " + password}};
  surroundings.journal = {"ready " + token, "canaryuser asked " + cascade, "on canaryhost"};
  Facts facts(&machine.daemon, &machine.sources);
  const auto text = indented(report_document(facts, surroundings, "2026-11-23T09:00:00Z"));
  for (const auto& canary : {token, password, cascade, std::string("canaryuser"),
                             std::string("canaryhost"), std::string("canary.corp.example")}) {
    EXPECT_EQ(text.find(canary), std::string::npos) << text;
  }
  const auto document = json::parse(text).as_object();
  EXPECT_EQ(document.at("schema").as_string(), "antigravity-proxy.report.v1");
  EXPECT_EQ(document.at("system").at("kernel").as_string(), "Linux 6.1.0-37-amd64 x86_64");
  EXPECT_EQ(document.at("doctor").as_array().size(), doctor_checks().size());
  EXPECT_EQ(document.at("journal").as_array().size(), 3U);
  EXPECT_NE(text.find("antigravity-proxy.service"), std::string::npos);
}

TEST(ReportFile, IsForItsOwnerAndNeverOverAnother) {
  std::string folder = "/tmp/agp-report-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto path = folder + "/report.json";
  ASSERT_TRUE(std::holds_alternative<bool>(write_new_file(path, "first")));
  struct stat seen {};
  ASSERT_EQ(::stat(path.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777U, 0600U);
  EXPECT_TRUE(std::holds_alternative<Failure>(write_new_file(path, "second")));
  fs::create_symlink(folder + "/elsewhere", folder + "/link");
  EXPECT_TRUE(std::holds_alternative<Failure>(write_new_file(folder + "/link", "third")));
  EXPECT_FALSE(fs::exists(folder + "/elsewhere"));
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "first");
  fs::remove_all(folder);
}

TEST(ReportCommand, WithoutATerminalItIsNotWrittenUnasked) {
  if (::isatty(STDIN_FILENO) == 1) {
    GTEST_SKIP() << "there is a terminal that would be asked";
  }
  FakeDaemon daemon;
  EXPECT_EQ(run({"report", "--output", "/nonexistent/x"}, daemon, false).exit, Exit::usage);
  EXPECT_EQ(run({"report", "all", "--yes"}, daemon, false).exit, Exit::usage);
  EXPECT_NE(run({"report", "--help"}, daemon, false).out.find("--output FILE"), std::string::npos);
}

}  // namespace
}  // namespace agp::cli::report
