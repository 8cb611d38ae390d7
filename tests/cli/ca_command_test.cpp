#include "cli/ca_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kShown =
    R"({"schema":"antigravity-proxy.ca.v1","certificate":{"subject":"CN=x\u001b","sha256":"ab12",
    "not_before":"2026-01-01T00:00:00Z","not_after":"2027-01-01T00:00:00Z"},
    "permitted_names":["googleapis.com","api.openai.com"],"bundle":"/run/b.pem","rotation":null,
    "problem":null})";
constexpr const char* kRotating =
    R"({"certificate":{"subject":"CN=old","sha256":"ab12"},"permitted_names":[],"bundle":null,
    "rotation":{"step":"waiting-for-turns","next":{"subject":"CN=new","sha256":"cd34"}},
    "problem":"it failed before"})";

class CaCommand : public ::testing::Test {
 protected:
  Output run(const std::vector<std::string>& words, const char* answer) {
    daemon.ca_answer = std::string(answer);
    return run_ca(parse_line(words), daemon, false);
  }
  FakeDaemon daemon;
};

TEST_F(CaCommand, EachVerbIsAQuestionOfItsOwn) {
  EXPECT_EQ(run({"ca", "show"}, kShown).exit, Exit::ok);
  EXPECT_EQ(run({"ca", "rotate"}, kShown).exit, Exit::ok);
  EXPECT_EQ(daemon.orders, (std::vector<std::string>{"show", "rotate"}));
}

TEST_F(CaCommand, ShowsCertificateNamesAndBundle) {
  const auto text = run({"ca", "show"}, kShown).out;
  for (const char* part : {"ab12", "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z",
                           "googleapis.com, api.openai.com", "/run/b.pem"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(run({"ca", "show", "--json"}, kShown).out, kShown);
}

TEST_F(CaCommand, OneThatIsUnderWayIsNoSuccessOfRotate) {
  const auto text = run({"ca", "show"}, kRotating);
  EXPECT_EQ(text.exit, Exit::ok);
  for (const char* part : {"waiting-for-turns", "CN=new", "it failed before"}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(run({"ca", "rotate"}, kRotating).exit, Exit::failed);
}

TEST_F(CaCommand, AWrongLineAsksNobody) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"ca"}, {"ca", "delete"}, {"ca", "show", "x"}, {"ca", "show", "--x"}}) {
    EXPECT_EQ(cli::run(words, daemon, false).exit, Exit::usage);
  }
  EXPECT_TRUE(daemon.orders.empty());
}

TEST_F(CaCommand, ARefusalAndWhatIsNotUnderstoodHaveTheirOwnExits) {
  daemon.ca_answer = Failure{Exit::refused, "refused", "no", "ask"};
  EXPECT_EQ(run_ca(parse_line({"ca", "rotate"}), daemon, false).exit, Exit::refused);
  EXPECT_EQ(run({"ca", "show"}, "{}").exit, Exit::data);
}

}  // namespace
}  // namespace agp::cli
