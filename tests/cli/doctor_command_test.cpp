#include "cli/doctor_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

namespace json = boost::json;

Facts::Binaries no_binaries() {
  return [] {
    return std::vector<std::string>{};
  };
}

TEST(DoctorCommand, TheExitCodeTellsAServiceThatDoesNotRunFromAFault) {
  FakeDaemon daemon;
  for (const auto exit : {Exit::not_active, Exit::unavailable}) {
    daemon.status_answer = Failure{exit, "not_active", "not running", "start it"};
    Facts facts(&daemon, no_binaries());
    EXPECT_EQ(examine(facts, false, false).exit, exit);
  }
  daemon.status_answer = R"({"state":"degraded","version":"1.0","problems":[]})";
  Facts degraded(&daemon, no_binaries());
  EXPECT_EQ(examine(degraded, false, false).exit, Exit::failed);
  daemon.status_answer = R"({"state":"ok","version":"1.0","problems":[]})";
  Facts well(&daemon, no_binaries());
  EXPECT_EQ(examine(well, false, false).exit, Exit::ok);  // the rest cannot be told: no fault
}

TEST(DoctorCommand, TheDocumentHasEveryCheckInOrder) {
  FakeDaemon daemon;
  daemon.status_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  Facts facts(&daemon, no_binaries());
  const auto output = examine(facts, true, false);
  const auto document = json::parse(output.out).as_object();
  EXPECT_EQ(document.at("schema").as_string(), "antigravity-proxy.doctor.v1");
  EXPECT_EQ(document.at("state").as_string(), "failed");
  const auto& checks = document.at("checks").as_array();
  ASSERT_EQ(checks.size(), doctor_checks().size());
  for (std::size_t i = 0; i < checks.size(); ++i) {
    EXPECT_EQ(checks[i].at("id").as_string(), doctor_checks()[i].id);
  }
  EXPECT_EQ(checks[0].at("state").as_string(), "failed");
  EXPECT_EQ(checks[0].at("seen").as_string(), "not running");
  EXPECT_EQ(checks[0].at("remedy").as_string(), "start it");
}

TEST(DoctorCommand, TextShowsRemediesAndNoControlCharacters) {
  FakeDaemon daemon;
  daemon.status_answer = Failure{Exit::not_active, "not_active", "not\x1b[31m running", "start it"};
  Facts facts(&daemon, no_binaries());
  const auto output = examine(facts, false, false);
  EXPECT_NE(output.out.find("service\n  failed  service.reachable: not?[31m running\n"
                            "      Remedy: start it\n"),
            std::string::npos)
      << output.out;
  EXPECT_NE(output.out.find(" checks, 1 failed, "), std::string::npos) << output.out;
}

TEST(DoctorCommand, WrongLinesAreTold) {
  FakeDaemon daemon;
  EXPECT_EQ(run({"doctor", "all"}, daemon, false).exit, Exit::usage);
  EXPECT_EQ(run({"doctor", "--quick"}, daemon, false).exit, Exit::usage);
}

}  // namespace
}  // namespace agp::cli
