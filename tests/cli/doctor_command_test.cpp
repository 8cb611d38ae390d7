#include "cli/doctor_command.h"

#include "cli/command.h"
#include "tests/cli/doctor/healthy.h"
#include "tests/cli/fake_daemon.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

namespace json = boost::json;

TEST(DoctorCommand, TheExitCodeTellsAServiceThatDoesNotRunFromAFault) {
  FakeDaemon daemon;
  doctor::FakeSources sources;
  for (const auto exit : {Exit::not_active, Exit::unavailable}) {
    daemon.status_answer = Failure{exit, "not_active", "not running", "start it"};
    Facts facts(&daemon, &sources);
    EXPECT_EQ(examine(facts, false, false).exit, exit);
  }
  daemon.status_answer = R"({"state":"degraded","version":"1.0","problems":[]})";
  Facts degraded(&daemon, &sources);
  EXPECT_EQ(examine(degraded, false, false).exit, Exit::failed);
  daemon.status_answer = R"({"state":"ok","version":"1.0","problems":[]})";
  Facts well(&daemon, &sources);
  EXPECT_EQ(examine(well, false, false).exit, Exit::ok);  // the rest cannot be told: no fault
}

TEST(DoctorCommand, TheDocumentHasEveryCheckInOrder) {
  FakeDaemon daemon;
  doctor::FakeSources sources;
  daemon.status_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  Facts facts(&daemon, &sources);
  const auto output = examine(facts, true, false);
  const auto document = json::parse(output.out).as_object();
  EXPECT_EQ(document.at("schema").as_string(), "antigravity-proxy.doctor.v1");
  EXPECT_EQ(document.at("state").as_string(), "failed");
  const auto& checks = document.at("checks").as_array();
  ASSERT_EQ(checks.size(), doctor_checks().size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    EXPECT_EQ(checks[i].at("id").as_string(), doctor_checks()[i].id);
  }
  const auto reachable = std::find_if(checks.begin(), checks.end(), [](const json::value& check) {
    return check.at("id").as_string() == "service.reachable";
  });
  ASSERT_NE(reachable, checks.end());
  EXPECT_EQ(reachable->at("state").as_string(), "failed");
  EXPECT_EQ(reachable->at("seen").as_string(), "not running");
  EXPECT_EQ(reachable->at("remedy").as_string(), "start it");
}

TEST(DoctorCommand, TextShowsRemediesAndNoControlCharacters) {
  FakeDaemon daemon;
  doctor::FakeSources sources;
  daemon.status_answer = Failure{Exit::not_active, "not_active", "not\x1b[31m running", "start it"};
  Facts facts(&daemon, &sources);
  const auto output = examine(facts, false, false);
  EXPECT_NE(output.out.find("service\n  failed  service.reachable: not?[31m running\n"
                            "      Remedy: start it\n"),
            std::string::npos)
      << output.out;
  EXPECT_NE(output.out.find(" checks, 1 failed, "), std::string::npos) << output.out;
}

TEST(DoctorCommand, TextFitsATerminalAndRepeatsWhatFailed) {
  HealthyMachine machine;
  machine.sources.machine_seen.missing_accounts = {"antigravity-ls"};
  Facts facts(&machine.daemon, &machine.sources);
  for (const std::size_t columns : {0U, 60U, 80U, 132U}) {
    std::istringstream lines(examine(facts, false, {false, columns}).out);
    for (std::string line; std::getline(lines, line);) {
      const auto first = line.find_first_not_of(' ');
      // What cannot be broken stays whole.
      EXPECT_TRUE(line.size() <= (columns == 60 ? 60 : 80) ||
                  line.find(' ', first) == std::string::npos)
          << line;
    }
  }
  const auto text = examine(facts, false, false).out;
  const auto repeated = text.find("\nwhat failed\n");
  ASSERT_NE(repeated, std::string::npos) << text;
  EXPECT_NE(text.find("machine.accounts: there is no account antigravity-ls", repeated),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Remedy: systemd-sysusers", repeated), std::string::npos) << text;
}

TEST(DoctorCommand, WrongLinesAreTold) {
  FakeDaemon daemon;
  EXPECT_EQ(run({"doctor", "all"}, daemon, false).exit, Exit::usage);
  EXPECT_EQ(run({"doctor", "--quick"}, daemon, false).exit, Exit::usage);
}

}  // namespace
}  // namespace agp::cli
