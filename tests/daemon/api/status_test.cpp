#include "daemon/api/status.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

TEST(Status, WhatIsNotKnownIsNull) {
  const auto document = boost::json::parse(render_status(StatusReport{}, {}));
  EXPECT_EQ(document.at("schema").as_string(), "antigravity-proxy.status.v1");
  EXPECT_EQ(document.at("state").as_string(), "ok");
  EXPECT_TRUE(document.at("redirect").at("ipv4").is_null());
  EXPECT_TRUE(document.at("redirect").at("egress").is_null());
  EXPECT_TRUE(document.at("redirect").at("backend").is_null());
  EXPECT_TRUE(document.at("helper").at("limits_enforced").is_null());
  EXPECT_EQ(document.at("redirect").at("repairs"), 0);
  EXPECT_TRUE(document.at("redirect").at("last_repair_at").is_null());
  EXPECT_TRUE(document.at("helper").at("reachable").is_null());
  EXPECT_TRUE(document.at("ledger").at("records").is_null());
  EXPECT_TRUE(document.at("ca").at("not_after").is_null());
}

TEST(Status, CountsWhoWasRefused) {
  StatusReport report;
  report.failed_callers = {1, 2, 3, 4};
  const auto document = boost::json::parse(render_status(report, {}));
  const auto& failed = document.at("api").at("failed_callers");
  EXPECT_EQ(failed.at("unidentified"), 1);
  EXPECT_EQ(failed.at("unknown_key"), 2);
  EXPECT_EQ(failed.at("refused"), 3);
  EXPECT_EQ(failed.at("limited"), 4);
}

TEST(Status, CountsRulesThatOthersRemoved) {
  StatusReport report;
  report.redirect_repairs = 2;
  report.firewall_backend = "nftables";
  report.firewall_reason = "it can";
  report.redirect_repaired_at = usage::Micros(std::chrono::seconds(0));
  report.redirect_lost = {"IPv4 nat"};
  const auto redirect = boost::json::parse(render_status(report, {})).at("redirect");
  EXPECT_EQ(redirect.at("repairs"), 2);
  EXPECT_EQ(redirect.at("backend").as_string(), "nftables");
  EXPECT_EQ(redirect.at("backend_reason").as_string(), "it can");
  EXPECT_EQ(redirect.at("last_repair_at").as_string(), "1970-01-01T00:00:00Z");
  EXPECT_EQ(redirect.at("last_lost").at(0).as_string(), "IPv4 nat");
}

TEST(Status, SaysWhatTheLanguageServerWaitsFor) {
  StatusReport report;
  report.state = StatusReport::State::waiting;
  report.language_server.waits_for = "the IDE to be started";
  const auto document = boost::json::parse(render_status(report, {}));
  EXPECT_EQ(document.at("state").as_string(), "waiting");
  EXPECT_EQ(document.at("language_server").at("waits_for").as_string(), "the IDE to be started");
}

TEST(Status, AFailingLedgerDegradesAndBringsItsRemedy) {
  StatusReport report;
  report.ledger_health.problem = Error(ledger::Errc::full, "commit");
  report.ledger_health.remedy = "free disk space";
  report.ledger_health.lost = 3;
  report.ledger_health.aged = 5;
  report.ledger_health.evicted = 7;
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::degraded);
  const auto document = boost::json::parse(render_status(report, {}));
  EXPECT_EQ(document.at("ledger").at("health").as_string(), "failing");
  EXPECT_EQ(document.at("ledger").at("lost"), 3);
  EXPECT_EQ(document.at("ledger").at("aged"), 5);
  EXPECT_EQ(document.at("ledger").at("evicted"), 7);
  EXPECT_EQ(document.at("problems").at(0).at("remedy").as_string(), "free disk space");
  EXPECT_EQ(document.at("problems").at(1).at("code").as_string(), "records_lost");
}

TEST(Status, RecordsThatACrashWouldTakeAreAProblem) {
  StatusReport report;
  report.price_version = "list-1";
  report.price_date = "2026-09-23";
  report.ledger_health.lost_ever = 4;
  auto document = boost::json::parse(render_status(report, {}));
  EXPECT_TRUE(document.at("ledger").at("protected").as_bool());
  EXPECT_EQ(document.at("ledger").at("lost_ever"), 4);
  EXPECT_EQ(document.at("prices").at("version").as_string(), "list-1");
  EXPECT_EQ(document.at("prices").at("date").as_string(), "2026-09-23");
  report.ledger_health.unprotected = Error(ledger::Errc::full, "make the spool");
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::degraded);
  document = boost::json::parse(render_status(report, {}));
  EXPECT_FALSE(document.at("ledger").at("protected").as_bool());
  EXPECT_EQ(document.at("problems").at(0).at("code").as_string(), "records_unprotected");
}

TEST(Status, ARefusedPolicyDegradesUntilItIsCorrected) {
  StatusReport report;
  report.policy = StatusReport::Policy{
      3, "2026-11-22T08:00:00Z", {"policy.yaml:1:1: a", "b"}, {}, {}, {"a.example"}, {"b.example"}};
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::degraded);
  const auto document = boost::json::parse(render_status(report, {}));
  EXPECT_EQ(document.at("policy").at("generation"), 3);
  EXPECT_EQ(document.at("policy").at("faults").as_array().size(), 2U);
  EXPECT_EQ(document.at("policy").at("rewritten_hosts").at(0).as_string(), "a.example");
  EXPECT_EQ(document.at("policy").at("request_rules_hosts").at(0).as_string(), "b.example");
  EXPECT_EQ(document.at("problems").at(0).at("code").as_string(), "policy_faulty");
  EXPECT_NE(document.at("problems").at(0).at("message").as_string().find("(and 1 more)"),
            boost::json::string::npos);
  report.problems.clear();
  report.state = StatusReport::State::ok;
  report.policy->faults.clear();
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::ok);
}

TEST(Status, WhatIsOnlyWaitedForIsNoFault) {
  StatusReport report;
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::ok);
  report.problems.push_back(
      {"ide", "waiting for the IDE", "start the IDE", Problem::Severity::waiting});
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::waiting);
  report.problems.push_back({"helper", "it cannot be reached", "see the journal"});
  judge(report);
  EXPECT_EQ(report.state, StatusReport::State::degraded);
  const auto problems = boost::json::parse(render_status(report, {})).at("problems");
  EXPECT_EQ(problems.at(0).at("severity").as_string(), "waiting");
  EXPECT_EQ(problems.at(0).at("remedy").as_string(), "start the IDE");
  EXPECT_EQ(problems.at(1).at("severity").as_string(), "failing");
}

TEST(Status, OneLineSaysWhatDecides) {
  StatusReport report;
  report.language_server.mode = "managed";
  report.language_server.state = "starting";
  judge(report);
  EXPECT_EQ(status_line(report), "not capturing; the language server: starting");
  report.capture_active = true;
  report.language_server.is_usable = true;
  EXPECT_EQ(status_line(report), "capturing; the language server runs");
  report.problems.push_back(
      {"ide", "waiting for the IDE to run", "start it", Problem::Severity::waiting});
  judge(report);
  EXPECT_EQ(status_line(report), "capturing; waiting for the IDE to run: start it");
  report.problems.push_back({"helper", "the helper is gone", "see its journal"});
  judge(report);
  EXPECT_EQ(status_line(report), "capturing; the helper is gone: see its journal");
}

TEST(Status, TheOneLineIsOneWhateverAProblemSays) {
  StatusReport report;
  // As an error of a peer may look: it must not become an assignment of the service manager.
  report.problems.push_back({"any", "cut\nMAINPID=1\x7f \xff", std::string(1000, 'r')});
  judge(report);
  const auto line = status_line(report);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("cut MAINPID=1  \xef\xbf\xbd: rrr"), std::string::npos) << line;
  EXPECT_LE(line.size(), 320U);
  EXPECT_TRUE(line.ends_with("... (antigravity-proxy status)")) << line;
}

}  // namespace
}  // namespace agp::api
