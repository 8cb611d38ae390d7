#include "tests/cli/doctor/healthy.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::cli {
namespace {

using State = Finding::State;

using Machine = HealthyMachine;

TEST(DoctorChecks, IdsAreUniqueAndBelongToTheirLayer) {
  std::set<std::string> ids;
  std::vector<std::string> layers;
  for (const auto& check : doctor_checks()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
    EXPECT_NE(std::string(check.id).find('.'), std::string::npos) << check.id;
    if (layers.empty() || layers.back() != check.layer) {
      layers.emplace_back(check.layer);
    }
  }
  EXPECT_EQ(std::set<std::string>(layers.begin(), layers.end()).size(), layers.size());
}

TEST(DoctorChecks, OnAHealthyMachineAllAreWell) {
  Machine machine;
  for (const auto& [id, finding] : machine.examine()) {
    EXPECT_EQ(finding.state, State::ok) << id << ": " << finding.seen;
    EXPECT_EQ(finding.remedy, "") << id;
  }
}

TEST(DoctorChecks, EachFaultOfTheServiceFailsItsOwnCheck) {
  struct Row {
    const char* id;
    const char* from;
    const char* to;
  };
  for (const auto& row :
       {Row{"service.problems", R"("state":"ok","version":"1.0")",
            R"("state":"degraded","version":"1.0")"},
        Row{"capture.active", R"("active":true)", R"("active":false)"},
        Row{"capture.helper", R"("reachable":true)", R"("reachable":false)"},
        Row{"trust.certificate", "2026-11-22", "2024-11-22"},
        Row{"trust.clients", R"("refused_by_client":[])",
            R"("refused_by_client":[{"host":"a","count":2,"remedy":"r"}])"},
        Row{"trust.upstream", R"("refused_by_upstream":[])",
            R"("refused_by_upstream":[{"host":"a","count":2,"remedy":"r"}])"},
        Row{"ledger.healthy", R"("lost":0)", R"("lost":3)"},
        Row{"policy.loaded", R"("faults":[])", R"("faults":["policy.yaml:1:1: x"])"},
        Row{"ls.running", R"("state":"running")", R"("state":"backing off")"},
        Row{"calls.understood", R"("unparsed":0)", R"("unparsed":1)"}}) {
    Machine machine;
    machine.daemon.status_answer = replaced(kHealthy, row.from, row.to);
    for (const auto& [id, finding] : machine.examine()) {
      if (id == row.id) {
        EXPECT_EQ(finding.state, State::failed) << id;
      } else {
        EXPECT_EQ(finding.state, State::ok) << id << " while " << row.id;
      }
    }
  }
}

TEST(DoctorChecks, AnExportThatNobodyWantsOrThatFailsForAMomentIsNoFault) {
  Machine machine;
  machine.say(R"("last_error":null)", R"("last_error":"the receiver answers 503")");
  machine.say(R"("waiting":0)", R"("waiting":1)");
  machine.say(R"("oldest_waiting_at":null)", R"("oldest_waiting_at":"2025-11-22T09:59:59.5Z")");
  auto finding = machine.examine()["exporters.otlp"];
  EXPECT_EQ(finding.state, State::ok);
  EXPECT_NE(finding.seen.find("the last attempt failed: the receiver answers 503"),
            std::string::npos);
  EXPECT_NE(finding.seen.find("the oldest for 0 s"), std::string::npos) << finding.seen;
  machine.daemon.status_answer = replaced(kHealthy, "\"metrics_export\"", "\"was\"");
  EXPECT_EQ(machine.examine()["exporters.otlp"].state, State::not_applicable);
}

TEST(DoctorChecks, CaptureThatWasSwitchedOffIsNoFault) {
  Machine machine;
  machine.daemon.status_answer =
      replaced(replaced(kHealthy, R"("active":true)", R"("active":false,"switched_off":true)"),
               R"("ipv6":true)", R"("ipv6":false)");
  auto found = machine.examine();
  EXPECT_EQ(found["capture.active"].state, State::not_applicable);
  EXPECT_EQ(found["capture.redirect"].state, State::not_applicable);
}

TEST(DoctorChecks, EachSurpriseOnTheWireFailsItsOwnCheck) {
  struct Row {
    const char* id;
    const char* from;
    const char* to;
  };
  for (const auto& row :
       {Row{"calls.http2", R"("h2")", R"("http/1.1")"},
        Row{"calls.cascade", R"("exact")", R"("none")"},
        Row{"calls.confirmed", R"("cascade_confirmed":true)", R"("cascade_confirmed":false)"},
        Row{"calls.usage", R"("final")", R"("none")"},
        Row{"calls.totals", R"("flags":[])", R"("flags":["total_mismatch"])"},
        Row{"calls.decoded", R"("flags":[])", R"("flags":["decode_error"])"}}) {
    Machine machine;
    machine.daemon.records_answer = records_of(replaced(kCall, row.from, row.to));
    for (const auto& [id, finding] : machine.examine()) {
      if (id == row.id) {
        EXPECT_EQ(finding.state, State::failed) << id;
        EXPECT_NE(finding.remedy, "") << id;
      } else {
        EXPECT_NE(finding.state, State::failed) << id << " while " << row.id;
      }
    }
  }
}

TEST(DoctorChecks, WhatWasNotSeenIsUnknownAndNeverWell) {
  Machine machine;
  machine.daemon.records_answer = records_of(R"({"host":"api.openai.com"})");
  auto found = machine.examine();
  for (const char* id : {"calls.http2", "calls.cascade", "calls.confirmed", "calls.usage",
                         "calls.totals", "calls.decoded"}) {
    EXPECT_EQ(found[id].state, State::unknown) << id;
    EXPECT_NE(found[id].remedy, "") << id;
  }
  machine.daemon.status_answer = Failure{Exit::not_active, "not_active", "not running", "start it"};
  machine.daemon.records_answer =
      Failure{Exit::not_active, "not_active", "not running", "start it"};
  found = machine.examine();
  EXPECT_EQ(found["service.reachable"].state, State::failed);
  EXPECT_EQ(found["service.reachable"].remedy, "start it");
  for (const char* id : {"service.problems", "capture.redirect", "ledger.healthy", "calls.usage"}) {
    EXPECT_EQ(found[id].state, State::unknown) << id;
  }
  EXPECT_EQ(found["ide.extension"].state, State::ok);
}

TEST(DoctorChecks, TheBinaryIsJudgedWithoutRunningIt) {
  Machine machine;
  machine.binary.write("#!/bin/sh\n");
  auto found = machine.examine();
  EXPECT_EQ(found["ls.go"].state, State::failed);
  EXPECT_EQ(found["ls.flags"].state, State::failed);
  EXPECT_NE(found["ls.flags"].seen.find("--csrf_token"), std::string::npos);
  ::unlink(machine.binary.path().c_str());
  EXPECT_EQ(machine.examine()["ls.go"].state, State::unknown);
}

TEST(DoctorChecks, TellsTheStateOfTheExtension) {
  Machine machine;
  machine.daemon.ide_patch_answer =
      R"({"files":[{"path":"/a","state":"absent","detail":null},
                   {"path":"/b","state":"undone","detail":"an update"}]})";
  const auto found = machine.examine();
  EXPECT_EQ(found.at("ide.extension").state, State::failed);
  EXPECT_EQ(found.at("ide.extension").seen, "/b: undone (an update)");
}

// The table of assumptions in docs/compatibility.md: | id | ... | check id or "none: why" |

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) {
    const auto first = cell.find_first_not_of(' ');
    const auto last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

std::string read_source(const std::string& path) {
  std::ifstream in(std::string(AGP_SOURCE_ROOT) + path);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_NE(text.str(), "") << path;
  return text.str();
}

bool is_known(const std::string& id) {
  const auto checks = doctor_checks();
  return std::any_of(checks.begin(), checks.end(),
                     [&](const Check& check) { return id == check.id; });
}

TEST(DoctorCompatibility, EachAssumptionNamesAKnownCheckOrWhyThereIsNone) {
  std::istringstream lines(read_source("/docs/compatibility.md"));
  std::set<std::string> ids;
  std::set<std::string> tested;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| A-")) {
      continue;
    }
    const auto cells = cells_of(line);
    ASSERT_EQ(cells.size(), 6U) << line;
    EXPECT_TRUE(ids.insert(cells[0]).second) << cells[0] << " is there twice";
    EXPECT_TRUE(cells[2].starts_with("A") || cells[2].starts_with("B") || cells[2].starts_with("C"))
        << line;
    EXPECT_NE(cells[3], "") << line;
    EXPECT_NE(cells[4], "") << line;
    if (cells[5].starts_with("none: ")) {
      EXPECT_GT(cells[5].size(), 10U) << line;
      continue;
    }
    std::istringstream checks(cells[5]);
    for (std::string id; std::getline(checks, id, ',');) {
      id.erase(std::remove_if(id.begin(), id.end(), [](char c) { return c == ' ' || c == '`'; }),
               id.end());
      EXPECT_TRUE(is_known(id)) << cells[0] << " names the check \"" << id << "\"";
      tested.insert(id);
    }
  }
  EXPECT_GT(ids.size(), 20U);
  // What is checked about the language server's own behaviour is checked because of an assumption.
  for (const auto& check : doctor_checks()) {
    const std::string layer = check.layer;
    if (layer == "language server" || layer == "calls" || layer == "ide") {
      EXPECT_TRUE(tested.count(check.id) == 1) << check.id << " is in no row of compatibility.md";
    }
  }
}

TEST(DoctorCompatibility, TheManualListsEveryCheck) {
  const auto manual = read_source("/docs/man/antigravity-proxy.1");
  for (const auto& check : doctor_checks()) {
    EXPECT_NE(manual.find(std::string(".B ") + check.id), std::string::npos) << check.id;
  }
}

}  // namespace
}  // namespace agp::cli
