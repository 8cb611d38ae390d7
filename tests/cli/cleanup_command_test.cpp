#include "cli/cleanup_command.h"

#include "tests/cli/fake_machine.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

FakeMachine with_files() {
  FakeMachine machine;
  machine.paths.insert("/run/antigravity-proxy");
  return machine;
}

TEST(CleanupCommand, IsForRootAlone) {
  auto machine = with_files();
  machine.is_root_user = false;
  const auto output = run_cleanup(parse_line({"cleanup"}), machine);
  EXPECT_EQ(output.exit, Exit::refused);
  EXPECT_NE(output.err.find("sudo antigravity-proxy cleanup"), std::string::npos);
  EXPECT_TRUE(machine.ran.empty());
  const auto json = run_cleanup(parse_line({"cleanup", "--json"}), machine);
  EXPECT_EQ(json.exit, Exit::refused);
  EXPECT_EQ(json.out.front(), '{');
}

TEST(CleanupCommand, SaysWhatItRemovedAndThenThatNothingIsLeft) {
  auto machine = with_files();
  const auto output = run_cleanup(parse_line({"cleanup"}), machine);
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "Removed:\n  files  /run/antigravity-proxy\n");
  const auto again = run_cleanup(parse_line({"cleanup"}), machine);
  EXPECT_EQ(again.exit, Exit::ok);
  EXPECT_NE(again.out.find("Nothing of antigravity-proxy is left"), std::string::npos);
}

TEST(CleanupCommand, ADryRunSaysWhatItWouldRemove) {
  auto machine = with_files();
  const auto output = run_cleanup(parse_line({"cleanup", "--dry-run"}), machine);
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "Would be removed:\n  files  /run/antigravity-proxy\n");
  EXPECT_TRUE(machine.exists("/run/antigravity-proxy"));
}

TEST(CleanupCommand, IsOneDocumentAsJson) {
  auto machine = with_files();
  const auto output = run_cleanup(parse_line({"cleanup", "--json", "--dry-run"}), machine);
  EXPECT_EQ(output.out, R"({"schema":"antigravity-proxy.cleanup.v1","dry_run":true,)"
                        R"("found":[{"kind":"files","name":"/run/antigravity-proxy"}],)"
                        R"("removed":[],"left":[],"problems":[]})"
                        "\n");
}

TEST(CleanupCommand, EndsWithOneWhenSomethingIsLeft) {
  FakeMachine machine;
  machine.units = {"antigravity-ls-0123.service"};
  machine.unstoppable = {"antigravity-ls-0123.service"};
  const auto output = run_cleanup(parse_line({"cleanup"}), machine);
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_NE(output.out.find("Left:\n  unit   antigravity-ls-0123.service\n"), std::string::npos);
  EXPECT_NE(output.err.find("Run it again"), std::string::npos);
}

TEST(CleanupCommand, EndsWithOneWhenItCannotBeTold) {
  FakeMachine machine;
  machine.has_service_manager = false;
  const auto output = run_cleanup(parse_line({"cleanup"}), machine);
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_EQ(output.out, "");
  EXPECT_NE(output.err.find("Failed to connect"), std::string::npos);
}

}  // namespace
}  // namespace agp::cli
