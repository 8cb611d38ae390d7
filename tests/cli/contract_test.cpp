// What scripts hold on to, for every verb of the grammar: with --json standard output is exactly
// one JSON document whatever goes wrong, and the exit code is the one that the grammar promises.

#include "cli/command.h"
#include "cli/grammar.h"
#include "tests/cli/fake_daemon.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

using Words = std::vector<std::string>;

// What it ends with when the daemon is not active (which none of the helper's verbs is told),
// cannot be reached, refuses, or answers something that is not understood.
struct Ends {
  std::optional<Exit> not_active = Exit::not_active;
  std::optional<Exit> unavailable = Exit::unavailable;
  std::optional<Exit> refused = Exit::refused;
  std::optional<Exit> bad_data = Exit::data;
};

struct Sample {
  Words rest;                // what makes a right line of the verb
  std::optional<Ends> ends;  // none: it asks nobody, and is only given wrong lines here
};

constexpr Ends kAll;
constexpr const char* kNoFile = "/nonexistent/proxy.yaml";

const std::map<std::string_view, Sample>& samples() {
  // The files say what an absent service does not; where there are none, what is built in does.
  static const Ends kFiles{Exit::ok, Exit::ok, Exit::refused, Exit::data};
  static const Ends kHelper{std::nullopt, Exit::unavailable, Exit::refused, Exit::data};
  static const Ends kRun{Exit::unavailable, Exit::unavailable, Exit::refused, Exit::data};
  // A check that cannot be made has failed.
  static const Ends kDoctor{Exit::not_active, Exit::unavailable, Exit::failed, Exit::failed};
  static const Ends kSilent{Exit::ok, Exit::ok, Exit::ok, Exit::ok};
  static const std::map<std::string_view, Sample> kSamples = {
      {"status", {{}, kAll}},
      {"usage", {{"session"}, kAll}},
      {"records", {{}, kAll}},
      {"export", {{"--format", "json", "--output", "/dev/null"}, std::nullopt}},
      {"monitor", {{}, kAll}},
      {"quota", {{}, kAll}},
      {"guard", {{"--min-remaining", "20%"}, kAll}},
      {"models", {{}, kAll}},
      {"sessions", {{}, kAll}},
      {"replay", {{"/nonexistent/session.har"}, std::nullopt}},
      {"run", {{"true"}, kRun}},
      {"top", {{}, kAll}},
      {"why", {{}, kAll}},
      {"report", {{"--output", kNoFile, "--yes"}, std::nullopt}},
      {"ca show", {{}, kAll}},
      {"ca rotate", {{}, kAll}},
      {"capture on", {{}, kAll}},
      {"capture off", {{}, kAll}},
      {"capture status", {{}, kAll}},
      {"ls start", {{}, kAll}},
      {"ls stop", {{}, kAll}},
      {"ls restart", {{}, kAll}},
      {"ls status", {{}, kAll}},
      {"policy show", {{}, kFiles}},
      {"policy check", {{"api.example.org"}, kFiles}},
      {"policy reload", {{}, kAll}},
      {"config check", {{"--config", kNoFile}, std::nullopt}},
      {"doctor", {{}, kDoctor}},
      {"cleanup", {{}, std::nullopt}},  // never run here: it is for the machine
      {"ide-patch status", {{}, kHelper}},
      {"ide-patch apply", {{}, kHelper}},
      {"ide-patch revert", {{}, kHelper}},
      {"ide-patch forget", {{}, kHelper}},
      {"complete", {{"model"}, kSilent}},
      {"version", {{}, std::nullopt}},
  };
  return kSamples;
}

Words line_of(const Verb& verb, const Words& rest) {
  Words out = {"--json", std::string(verb.name.substr(0, verb.name.find(' ')))};
  if (!second_word(verb).empty()) {
    out.emplace_back(second_word(verb));
  }
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

void expect_contract(const Verb& verb, const Output& output, Exit exit) {
  EXPECT_EQ(output.exit, exit) << output.out << output.err;
  EXPECT_TRUE(std::any_of(verb.exits.begin(), verb.exits.end(),
                          [&](const ExitRule& rule) { return rule.code == output.exit; }))
      << "the grammar does not list " << static_cast<int>(output.exit);
  boost::system::error_code error;
  (void)boost::json::parse(output.out, error);  // fails with more than one document, too
  EXPECT_FALSE(error) << output.out;
  EXPECT_TRUE(output.out.ends_with("\n"));
}

void answer_with(FakeDaemon* daemon, const Answer<std::string>& answer) {
  for (auto* each : {&daemon->status_answer, &daemon->usage_answer, &daemon->records_answer,
                     &daemon->quota_answer, &daemon->models_answer, &daemon->sessions_answer,
                     &daemon->policy_answer, &daemon->check_answer, &daemon->reload_answer,
                     &daemon->ide_patch_answer, &daemon->server_answer, &daemon->capture_answer,
                     &daemon->ca_answer, &daemon->why_answer}) {
    *each = answer;
  }
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    daemon->export_answer = *failure;
  }
}

const Sample* sample_of(const Verb& verb) {
  const auto found = samples().find(verb.name);
  return found == samples().end() ? nullptr : &found->second;
}

TEST(Contract, EveryVerbHasItsSample) {
  for (const auto& verb : grammar()) {
    EXPECT_NE(sample_of(verb), nullptr) << verb.name;
  }
  EXPECT_EQ(samples().size(), grammar().size());
}

TEST(Contract, AWrongLineIsOneDocument) {
  for (const auto& verb : grammar()) {
    SCOPED_TRACE(verb.name);
    FakeDaemon daemon;
    const auto output = run(line_of(verb, {"--frobnicate"}), daemon, false);
    expect_contract(verb, output, Exit::usage);
    EXPECT_EQ(output.err, "");
  }
}

class Failing : public ::testing::Test {
 protected:
  void each_verb(const Answer<std::string>& answer, std::optional<Exit> Ends::*end) {
    for (const auto& verb : grammar()) {
      SCOPED_TRACE(verb.name);
      const auto* sample = sample_of(verb);
      ASSERT_NE(sample, nullptr);
      if (sample->ends && (*sample->ends).*end) {
        FakeDaemon daemon;
        answer_with(&daemon, answer);
        const auto output = run(line_of(verb, sample->rest), daemon, false);
        expect_contract(verb, output, *((*sample->ends).*end));
        EXPECT_EQ(output.err, "");
      }
    }
  }
};

TEST_F(Failing, AServiceThatIsNotActive) {
  each_verb(Failure{Exit::not_active, "not_active", "not running", "start it"}, &Ends::not_active);
}

TEST_F(Failing, AServiceThatCannotBeReached) {
  each_verb(Failure{Exit::unavailable, "not_on_bus", "no answer", "start it"}, &Ends::unavailable);
}

TEST_F(Failing, AServiceThatRefuses) {
  each_verb(Failure{Exit::refused, "refused", "no", "ask root"}, &Ends::refused);
}

TEST_F(Failing, AnAnswerThatIsNotUnderstood) {
  each_verb("[]", &Ends::bad_data);
  each_verb("{", &Ends::bad_data);
  each_verb("", &Ends::bad_data);
}

TEST(Contract, AnExportToAFileSaysHowItEnded) {
  const auto& verb = *find_verb("export");
  for (const auto exit :
       {Exit::failed, Exit::not_active, Exit::data, Exit::unavailable, Exit::refused}) {
    FakeDaemon daemon;
    daemon.export_answer = Failure{exit, "code", "message", "hint"};
    expect_contract(verb, run(line_of(verb, sample_of(verb)->rest), daemon, false), exit);
  }
}

TEST(Contract, WhatAsksNobodyKeepsItToo) {
  for (const auto& [name, exit] : {std::pair{"replay", Exit::data}, std::pair{"version", Exit::ok},
                                   std::pair{"config check", Exit::data}}) {
    SCOPED_TRACE(name);
    FakeDaemon daemon;
    const auto& verb = *find_verb(name);
    expect_contract(verb, run(line_of(verb, sample_of(verb)->rest), daemon, false), exit);
  }
}

}  // namespace
}  // namespace agp::cli
