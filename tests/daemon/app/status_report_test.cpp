#include "daemon/app/status_report.h"

#include "tests/daemon/config/config_folder.h"

#include <algorithm>

namespace agp::app {
namespace {

class NoSurroundings final : public relay::Surroundings {
 public:
  relay::Decision decide(const relay::Hello&, std::string_view, usage::Micros) override {
    return {};
  }
  SSL_CTX* upstream_context() override { return nullptr; }
  Result<tls::Identity> identity(const std::string&, usage::Micros) override {
    return Error{make_error_code(boost::system::errc::not_supported), "test"};
  }
};

class StatusReportTest : public daemon_config::ConfigFolder {
 protected:
  void SetUp() override {
    auto config = read();
    ASSERT_TRUE(config) << config.error().text();
    config_ = std::move(*config);
    auto opened = tls::Authority::open_or_create(directory_ / "state", config_.policy->inspected(),
                                                 std::chrono::system_clock::now());
    ASSERT_TRUE(opened) << opened.error().text();
    authority_ = opened->authority;
    ledger::SqliteLedger::Options options;
    options.file = directory_ / "usage.db";
    ledger_ = ledger::SqliteLedger::start(options);
    interception_ = std::make_unique<Interception>(
        1, io::Settings{}, 10, [] { return std::make_unique<NoSurroundings>(); }, io::Hooks{});
    from_.config = &config_;
    from_.authority = authority_.get();
    from_.ledger = ledger_.get();
    from_.interception = interception_.get();
    from_.tally = &tally_;
    from_.state_dir = "/state";
  }
  void TearDown() override {
    interception_.reset();
    ledger_.reset();
  }
  static usage::Micros at(std::chrono::system_clock::time_point time) {
    return std::chrono::time_point_cast<std::chrono::microseconds>(time);
  }
  static const api::Problem* problem(const api::StatusReport& report, const std::string& code) {
    const auto found = std::find_if(report.problems.begin(), report.problems.end(),
                                    [&](const auto& each) { return each.code == code; });
    return found == report.problems.end() ? nullptr : &*found;
  }

  daemon_config::Config config_;
  std::shared_ptr<const tls::Authority> authority_;
  std::unique_ptr<ledger::SqliteLedger> ledger_;
  io::Tally tally_;
  std::unique_ptr<Interception> interception_;
  StatusSources from_;
};

TEST_F(StatusReportTest, AloneItPromisesNoCaptureAndIsWell) {
  const auto report = assemble_status(from_, at(std::chrono::system_clock::now()));
  EXPECT_EQ(report.state, api::StatusReport::State::ok);
  EXPECT_EQ(report.capture_mode, "off");
  EXPECT_EQ(report.language_server.mode, "off");
  EXPECT_EQ(report.helper_reachable, std::nullopt);
  EXPECT_EQ(report.ca_file, "/state/ca/ca.pem");
  EXPECT_TRUE(report.problems.empty());
  ASSERT_TRUE(report.interception);
  EXPECT_EQ(report.interception->max_connections, config_.limits.max_connections);
  EXPECT_EQ(report.interception->max_buffered_bytes, config_.limits.max_buffered_bytes);
}

TEST_F(StatusReportTest, EachRefusalOfACertificateHasItsHostAndARemedyOfThisInstallation) {
  using Kind = relay::Report::Kind;
  (void)tally_.add({Kind::client_refused, "a.example", "unknown ca"}, usage::Micros{});
  (void)tally_.add({Kind::upstream_refused, "b.example", "expired"}, usage::Micros{});
  (void)tally_.add({Kind::client_failed, "c.example", "bad record mac"}, usage::Micros{});
  for (const bool is_service : {false, true}) {
    from_.is_service = is_service;
    const auto report = assemble_status(from_, at(std::chrono::system_clock::now()));
    ASSERT_EQ(report.interception->refused_by_client.size(), 1U);
    const auto& by_client = report.interception->refused_by_client[0];
    EXPECT_EQ(by_client.host, "a.example");
    EXPECT_NE(by_client.remedy.find(is_service ? "/run/antigravity-proxy-helper/ca-bundle.pem"
                                               : "/state/ca/ca.pem"),
              std::string::npos)
        << by_client.remedy;
    ASSERT_EQ(report.interception->refused_by_upstream.size(), 1U);
    EXPECT_NE(report.interception->refused_by_upstream[0].remedy.find("upstream.extra_ca_file"),
              std::string::npos);
  }
}

TEST_F(StatusReportTest, AnIssuerPastTwoThirdsOfItsLifeIsAProblem) {
  const auto before = at(authority_->renew_at()) - std::chrono::seconds(1);
  EXPECT_EQ(problem(assemble_status(from_, before), "ca_expiring"), nullptr);
  const auto report = assemble_status(from_, at(authority_->renew_at()));
  ASSERT_NE(problem(report, "ca_expiring"), nullptr);
  EXPECT_EQ(report.state, api::StatusReport::State::degraded);
}

TEST_F(StatusReportTest, WhatWentWrongInThisProcessIsSaidWithItsRemedy) {
  from_.authority_renewed_because = "it was damaged";
  from_.bus_problem = "connection reset";
  from_.metrics_export.emplace().problem = "connect to http://127.0.0.1:4318: refused";
  from_.metrics_export->keep_problem = "write: No space left on device";
  const auto report = assemble_status(from_, at(std::chrono::system_clock::now()));
  for (const auto* code : {"ca_renewed", "bus_lost", "metrics_not_exported", "metrics_not_kept"}) {
    const auto* found = problem(report, code);
    ASSERT_NE(found, nullptr) << code;
    EXPECT_FALSE(found->remedy.empty()) << code;
  }
  EXPECT_NE(problem(report, "metrics_not_kept")->remedy.find("df -h /state"), std::string::npos);
  EXPECT_EQ(report.metrics_export->problem, from_.metrics_export->problem);
}

TEST_F(StatusReportTest, AFullProcessIsAProblemAsLongAsItIsFull) {
  io::Counters counters;
  EXPECT_FALSE(interception_status(counters, {}).is_accept_paused);
  counters.is_accept_paused = true;
  api::StatusReport report;
  report.interception = interception_status(counters, {});
  add_room_problem(report);
  ASSERT_NE(problem(report, "accept_paused"), nullptr);
  EXPECT_NE(report.problems[0].remedy.find("limits.max_connections"), std::string::npos);
}

TEST(InterceptionStatus, SaysEachCounterUnderItsOwnName) {
  io::Counters counters;
  counters.client_refused = 1;
  counters.client_failed = 2;
  counters.no_common_protocol = 3;
  counters.upstream_refused = 4;
  counters.upstream_unreachable = 5;
  counters.proxy_failed = 6;
  counters.timed_out = 7;
  counters.malformed_hello = 8;
  counters.bytes_spliced = 9;
  counters.open = 10;
  counters.open_calls = 11;
  const auto status = interception_status(counters, {});
  EXPECT_EQ(status.client_refused, 1U);
  EXPECT_EQ(status.client_failed, 2U);
  EXPECT_EQ(status.no_common_protocol, 3U);
  EXPECT_EQ(status.upstream_refused, 4U);
  EXPECT_EQ(status.upstream_unreachable, 5U);
  EXPECT_EQ(status.proxy_failed, 6U);
  EXPECT_EQ(status.timed_out, 7U);
  EXPECT_EQ(status.unnamed_by_reason.at("malformed"), 8U);
  EXPECT_EQ(status.bytes_spliced, 9U);
  EXPECT_EQ(status.open, 10U);
  EXPECT_EQ(status.calls_under_way, 11U);
}

}  // namespace
}  // namespace agp::app
