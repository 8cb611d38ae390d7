#include "cli/capture_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kOn =
    R"({"schema":"antigravity-proxy.capture.v1","capture":{"mode":"service","active":true,
    "switched_off":false},"redirect":{"ipv4":true,"ipv6":true},"problems":[]})";
constexpr const char* kOff =
    R"({"capture":{"mode":"service","active":false,"switched_off":true},
    "redirect":{"ipv4":false,"ipv6":false},"problems":[{"code":"capture-off",
    "message":"capture was switched off","remedy":"capture on","severity":"waiting"}]})";
constexpr const char* kByConfiguration =
    R"({"capture":{"mode":"off","active":false,"switched_off":false},
    "redirect":{"ipv4":null,"ipv6":null},"problems":[]})";
constexpr const char* kFailing =
    R"({"capture":{"mode":"service","active":false,"switched_off":false},
    "redirect":{"ipv4":false,"ipv6":false},"problems":[{"code":"helper",
    "message":"cannot put the redirect\u001b in place","remedy":"see"}]})";
constexpr const char* kStuck =
    R"({"capture":{"mode":"service","active":true,"switched_off":true},
    "redirect":{"ipv4":true,"ipv6":true},"problems":[{"code":"helper",
    "message":"cannot take the redirect away","remedy":"see"}]})";

class CaptureCommand : public ::testing::Test {
 protected:
  Output run(const std::vector<std::string>& words, const char* answer) {
    daemon.capture_answer = std::string(answer);
    return run_capture(parse_line(words), daemon, false);
  }
  FakeDaemon daemon;
};

TEST_F(CaptureCommand, EachVerbIsAQuestionOfItsOwn) {
  for (const char* verb : {"on", "off", "status"}) {
    (void)run({"capture", verb}, kOn);
  }
  EXPECT_EQ(daemon.orders, (std::vector<std::string>{"on", "off", "status"}));
}

TEST_F(CaptureCommand, ItsExitTellsWhetherItIsAsAsked) {
  EXPECT_EQ(run({"capture", "on"}, kOn).exit, Exit::ok);
  EXPECT_EQ(run({"capture", "on"}, kFailing).exit, Exit::failed);
  EXPECT_EQ(run({"capture", "off"}, kOff).exit, Exit::ok);
  EXPECT_EQ(run({"capture", "off"}, kByConfiguration).exit, Exit::ok);
  EXPECT_EQ(run({"capture", "off"}, kStuck).exit, Exit::failed);
  EXPECT_EQ(run({"capture", "status"}, kOn).exit, Exit::ok);
  EXPECT_EQ(run({"capture", "status"}, kOff).exit, Exit::not_active);
  EXPECT_EQ(run({"capture", "status"}, kByConfiguration).exit, Exit::not_active);
  EXPECT_EQ(run({"capture", "status"}, kFailing).exit, Exit::failed);
}

TEST_F(CaptureCommand, SaysWhyItIsOffAndWhatToDo) {
  const auto off = run({"capture", "status"}, kOff).out;
  EXPECT_NE(off.find("off (mode service; IPv4 no, IPv6 no)"), std::string::npos) << off;
  EXPECT_NE(off.find("capture was switched off\n  capture on"), std::string::npos) << off;
  const auto failing = run({"capture", "status"}, kFailing).out;
  EXPECT_EQ(failing.find('\033'), std::string::npos) << failing;
}

TEST_F(CaptureCommand, JsonIsTheDocumentAsItCame) {
  EXPECT_EQ(run({"capture", "off", "--json"}, kOff).out, kOff);
  EXPECT_EQ(run({"capture", "off", "--json"}, kOff).exit, Exit::ok);
}

TEST_F(CaptureCommand, AWrongLineAsksNobody) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"capture"}, {"capture", "maybe"}, {"capture", "on", "off"}, {"capture", "on", "--x"}}) {
    EXPECT_EQ(cli::run(words, daemon, false).exit, Exit::usage);
  }
  EXPECT_TRUE(daemon.orders.empty());
}

TEST_F(CaptureCommand, ARefusalAndWhatIsNotUnderstoodHaveTheirOwnExits) {
  daemon.capture_answer = Failure{Exit::refused, "refused", "no", "ask"};
  EXPECT_EQ(run_capture(parse_line({"capture", "off"}), daemon, false).exit, Exit::refused);
  EXPECT_EQ(run({"capture", "status"}, "[]").exit, Exit::data);
}

}  // namespace
}  // namespace agp::cli
