#include "cli/ide_patch_command.h"

#include "cli/command.h"
#include "cli/ide_patch_client.h"
#include "tests/cli/fake_daemon.h"

#include <fstream>
#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace agp::cli {
namespace {

using agp::core::ExtensionState;

std::string document(ExtensionState state, bool changed = false) {
  agp::core::ExtensionOutcome outcome;
  outcome.changed = changed;
  outcome.files = {{"/usr/share/x/extension.js", state, "what was seen", "ab", ""}};
  return ide_patch_document(outcome);
}

Output run_with(ExtensionState state, const std::vector<std::string>& words) {
  FakeDaemon daemon;
  daemon.ide_patch_answer = document(state);
  return run(words, daemon, false);
}

TEST(IdePatchCommand, EachVerbAsksForItsChange) {
  FakeDaemon daemon;
  daemon.ide_patch_answer = document(ExtensionState::patched, true);
  (void)run({"ide-patch", "status"}, daemon, false);
  EXPECT_FALSE(daemon.ide_patch_change);
  for (const auto& [word, change] :
       {std::pair{"apply", IdePatchChange::apply}, std::pair{"revert", IdePatchChange::revert},
        std::pair{"forget", IdePatchChange::forget}}) {
    (void)run({"ide-patch", word}, daemon, false);
    EXPECT_EQ(daemon.ide_patch_change, change);
  }
}

TEST(IdePatchCommand, ShowsPathStateAndDetail) {
  const auto output = run_with(ExtensionState::patched, {"ide-patch", "status"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_EQ(output.out, "/usr/share/x/extension.js: patched\n    what was seen\n");
  const auto json = run_with(ExtensionState::patched, {"ide-patch", "status", "--json"});
  EXPECT_EQ(json.out, document(ExtensionState::patched));
}

TEST(IdePatchCommand, EndsWithOneWhereTheGoalWasNotReached) {
  struct Row {
    ExtensionState state;
    const char* word;
    Exit exit;
  };
  for (const auto& row : {Row{ExtensionState::applicable, "status", Exit::ok},
                          Row{ExtensionState::applicable, "apply", Exit::failed},
                          Row{ExtensionState::applicable, "revert", Exit::ok},
                          Row{ExtensionState::patched, "apply", Exit::ok},
                          Row{ExtensionState::patched, "revert", Exit::failed},
                          Row{ExtensionState::not_applicable, "apply", Exit::ok},
                          Row{ExtensionState::enabled, "apply", Exit::ok},
                          Row{ExtensionState::undone, "status", Exit::failed},
                          Row{ExtensionState::undone, "revert", Exit::failed},
                          Row{ExtensionState::unrecognised, "apply", Exit::failed},
                          Row{ExtensionState::refused, "apply", Exit::failed},
                          Row{ExtensionState::absent, "status", Exit::failed}}) {
    EXPECT_EQ(run_with(row.state, {"ide-patch", row.word}).exit, row.exit)
        << agp::core::to_string(row.state) << " " << row.word;
  }
}

TEST(IdePatchCommand, StatusSaysThatAnUpdateUndidIt) {
  FakeDaemon daemon;
  daemon.ide_patch_answer = document(ExtensionState::undone);
  const auto text = run({"status"}, daemon, false);
  EXPECT_NE(text.out.find("Patch undone: /usr/share/x/extension.js: what was seen\n"),
            std::string::npos);
  EXPECT_EQ(text.exit, Exit::ok);  // measuring is not affected
  const auto undone = [&daemon] {
    const auto out = run({"status", "--json"}, daemon, false).out;
    return boost::json::parse(out).at("ide_patch").at("undone");
  };
  EXPECT_EQ(undone().at(0).at("path").as_string(), "/usr/share/x/extension.js");
  EXPECT_EQ(undone().at(0).at("detail").as_string(), "what was seen");
  EXPECT_FALSE(undone().at(0).at("remedy").as_string().empty());
  daemon.ide_patch_answer = document(ExtensionState::patched);
  EXPECT_EQ(run({"status"}, daemon, false).out.find("Patch undone"), std::string::npos);
  EXPECT_TRUE(undone().as_array().empty());
  daemon.ide_patch_answer = Failure{Exit::failed, "failed", "no", "see"};
  EXPECT_TRUE(undone().is_null());
}

TEST(IdePatchCommand, WrongLinesAndRefusalsAreTold) {
  FakeDaemon daemon;
  EXPECT_EQ(run({"ide-patch"}, daemon, false).exit, Exit::usage);
  EXPECT_EQ(run({"ide-patch", "undo"}, daemon, false).exit, Exit::usage);
  EXPECT_EQ(run({"ide-patch", "apply", "/etc/shadow"}, daemon, false).exit, Exit::usage);
  daemon.ide_patch_answer = Failure{Exit::refused, "refused", "not you", "run it as root"};
  const auto refused = run({"ide-patch", "apply"}, daemon, false);
  EXPECT_EQ(refused.exit, Exit::refused);
  EXPECT_NE(refused.err.find("run it as root"), std::string::npos);
  daemon.ide_patch_answer = "[]";
  EXPECT_EQ(run({"ide-patch", "apply"}, daemon, false).exit, Exit::data);
}

TEST(IdePatchCommand, TheFilesAreThoseOfTheHelpersConfiguration) {
  // Without a file the known places; whatever this machine has there, the document names them.
  const auto answer = ide_patch_status("/nonexistent/helper.yaml");
  ASSERT_TRUE(std::holds_alternative<std::string>(answer));
  EXPECT_NE(std::get<std::string>(answer).find("/opt/antigravity/resources/app/extensions/"),
            std::string::npos);
}

}  // namespace
}  // namespace agp::cli
