#include "daemon/api/metrics.h"

#include "daemon/api/router.h"
#include "daemon/metrics/catalogue.h"
#include "tests/daemon/metrics/support.h"

#include <chrono>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

StatusReport filled() {
  StatusReport report;
  report.version = "1.0";
  report.capture_mode = "service";
  report.capture_active = true;
  report.failed_callers = {1, 2, 3, 4};
  report.redirect_repairs = 6;
  report.redirect_v4 = true;
  report.redirect_v6 = false;
  report.started_at = usage::Micros(std::chrono::milliseconds(1'500));
  report.ca_not_after = usage::Micros(std::chrono::seconds(9));
  report.problems.push_back({"a", "", "", Problem::Severity::failing});
  report.problems.push_back({"b", "", "", Problem::Severity::waiting});
  report.language_server.mode = "managed";
  report.ledger_summary.emplace().records = 12;
  report.ledger_health.lost_ever = 2;
  report.interception.emplace();
  report.interception->open = 5;
  report.interception->calls_under_way = 4;
  report.interception->intercepted_by_protocol = {{"h2", 7}, {"we\"ird\\", 1}};
  report.interception->unnamed_by_reason = {{"ech", 4}, {"no_sni", 0}};
  report.interception->client_refused = 2;
  report.interception->client_failed = 3;
  report.interception->refused_by_client.push_back({"secret.example.com", 2, {}, "", ""});
  return report;
}

metrics::Report used() {
  metrics::CallTotals totals;
  totals.begin_with(ledger::Totals{});
  auto record = metrics::test::call(1, "m");
  record.pace.emplace();
  record.pace->add(record.started_at);
  record.cost.emplace();
  (void)totals.on_commit(record);
  metrics::Report usage;
  usage.semconv = metrics::Semconv::both;
  usage.totals = totals.totals();
  usage.times = totals.times();
  usage.ledger_bytes = 4096;
  usage.exports.emplace();
  usage.exports->refused = 3;
  usage.exports->waiting = 2;
  usage.exports->limit_bytes = 8192;
  usage.exports->oldest_waiting_since = usage::Micros(std::chrono::seconds(7));
  usage.exports->accepted_at = usage::Micros(std::chrono::seconds(8));
  usage.quota.push_back({"pool", "", "5h", 0.5, usage::Micros(std::chrono::seconds(9))});
  usage.quota.push_back({"", "m", "", 0.5, usage::Micros(std::chrono::seconds(9))});
  return usage;
}

constexpr Scrape kAll{metrics::Format::prometheus, true};
constexpr Scrape kOrdinary{metrics::Format::prometheus, false};

std::string page_of(const Scrape& scrape = kAll) {
  return answer_metrics(scrape, filled(), used()).body;
}

TEST(Metrics, CountersHaveTheirNamesAndLabels) {
  const auto page = page_of();
  for (const auto* line :
       {"antigravity_capture_active{mode=\"service\"} 1\n",
        "antigravity_connections 5\n",
        "antigravity_open_operations 4\n",
        "antigravity_api_failed_callers_total{reason=\"unidentified\"} 1\n",
        "antigravity_api_failed_callers_total{reason=\"unknown_key\"} 2\n",
        "antigravity_api_failed_callers_total{reason=\"refused\"} 3\n",
        "antigravity_api_limited_callers_total 4\n",
        "antigravity_rule_repairs_total{cause=\"removed_by_others\"} 6\n",
        "antigravity_rules_intact{family=\"ipv4\"} 1\n",
        "antigravity_rules_intact{family=\"ipv6\"} 0\n",
        "antigravity_start_timestamp_seconds 1.5\n",
        "antigravity_ca_expiry_timestamp_seconds 9.0\n",
        "antigravity_problems{severity=\"failing\"} 1\n",
        "antigravity_problems{severity=\"waiting\"} 1\n",
        "antigravity_language_server_usable 0\n",
        "antigravity_ledger_bytes 4096\n",
        "antigravity_export_dropped_records_total{sink=\"otlp\",reason=\"refused\"} 3\n",
        "antigravity_export_queue_records{sink=\"otlp\"} 2\n",
        "antigravity_export_queue_limit_bytes{sink=\"otlp\"} 8192\n",
        "antigravity_export_oldest_waiting_timestamp_seconds{sink=\"otlp\"} 7.0\n",
        "antigravity_export_success_timestamp_seconds{sink=\"otlp\"} 8.0\n",
        "antigravity_ledger_records_total 12\n",
        "antigravity_ledger_lost_records_total 2\n",
        "antigravity_ledger_writable 1\n",
        "antigravity_connections_total{disposition=\"inspect\",protocol=\"h2\"} 7\n",
        "antigravity_connections_total{disposition=\"inspect\",protocol=\"http/1.1\"} 0\n",
        "antigravity_unnamed_connections_total{reason=\"ech\"} 4\n",
        "antigravity_unnamed_connections_total{reason=\"no_sni\"} 0\n",
        "protocol=\"we\\\"ird\\\\\"} 1\n",
        "antigravity_handshake_failures_total{leg=\"client\",reason=\"certificate_refused\"} "
        "2\n",
        "antigravity_handshake_failures_total{leg=\"client\",reason=\"handshake_broken\"} 3\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

TEST(Metrics, NamesThatClientsChoseFreelyStayOut) {
  EXPECT_EQ(page_of().find("secret.example.com"), std::string::npos);
}

TEST(Metrics, UsageIsForThoseWhoMaySeeAll) {
  const auto ordinary = page_of(kOrdinary);
  EXPECT_NE(page_of().find("antigravity_scrape_sees_usage 1\n"), std::string::npos);
  EXPECT_NE(ordinary.find("antigravity_scrape_sees_usage 0\n"), std::string::npos);
  for (const auto& family : metrics::catalogue()) {
    const auto begins = std::string("# TYPE ") + family.name + " ";
    EXPECT_NE(page_of().find(begins), std::string::npos) << family.name;
    EXPECT_EQ(ordinary.find(begins) != std::string::npos,
              family.audience == metrics::Audience::everybody)
        << family.name;
  }
}

TEST(Metrics, WhatIsNotKnownIsNotThere) {
  StatusReport report;
  report.capture_mode = "off";
  report.redirect_v4 = false;
  const auto page = answer_metrics(kAll, report, {}).body;
  EXPECT_EQ(page.find("antigravity_rules_intact{"), std::string::npos) << "no rules are wanted";
  EXPECT_EQ(page.find("antigravity_connections"), std::string::npos);
  EXPECT_EQ(page.find("antigravity_ledger_bytes"), std::string::npos);
  EXPECT_EQ(page.find("antigravity_language_server_usable"), std::string::npos);
  EXPECT_EQ(page.find("antigravity_tokens_total"), std::string::npos);
  EXPECT_EQ(page.find("_quota_remaining_ratio{"), std::string::npos);
}

// Samples stand behind the head of their family, with labels that the catalogue has.
TEST(Metrics, EachFamilyIsDescribedOnceBeforeItsSamples) {
  std::istringstream page(page_of());
  std::set<std::string> described;
  std::string family;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(described.insert(family).second) << line;
    } else if (!line.starts_with('#')) {
      const auto name = line.substr(0, line.find_first_of("{ "));
      const std::string suffix = name.substr(std::min(family.size(), name.size()));
      EXPECT_TRUE(name.starts_with(family) &&
                  (suffix.empty() || suffix == "_bucket" || suffix == "_sum" || suffix == "_count"))
          << line << " in " << family;
      const auto* known = metrics::find_family(family);
      ASSERT_NE(known, nullptr) << family;
      std::istringstream words(std::string(known->labels) + " le");
      std::set<std::string> labels;
      for (std::string label; words >> label;) {
        labels.insert(label);
      }
      for (auto at = line.find('{'); at != std::string::npos && line[at] != ' ';) {
        const auto equals = line.find('=', at);
        EXPECT_TRUE(labels.contains(line.substr(at + 1, equals - at - 1))) << line;
        at = line.find_first_of(",} ", line.find('"', equals + 2));
        at = at != std::string::npos && line[at] == ',' ? at : std::string::npos;
      }
    }
  }
  EXPECT_EQ(described.size(), metrics::catalogue().size());
}

TEST(Metrics, AreServedInTheFormatThatIsAskedFor) {
  Request request;
  request.method = "GET";
  request.path = "/metrics";
  Visibility who;
  who.sees_totals = true;
  auto step = handle(request, who, {});
  const auto* job = std::get_if<MetricsJob>(&step);
  ASSERT_NE(job, nullptr);
  EXPECT_TRUE(job->scrape.sees_usage);
  EXPECT_EQ(answer_metrics(job->scrape, filled(), used()).content_type,
            "text/plain; version=0.0.4; charset=utf-8");
  request.headers.emplace_back("Accept", "application/openmetrics-text; version=1.0.0");
  step = handle(request, {}, {});
  job = std::get_if<MetricsJob>(&step);
  ASSERT_NE(job, nullptr);
  EXPECT_FALSE(job->scrape.sees_usage);
  const auto answer = answer_metrics(job->scrape, filled(), used());
  EXPECT_EQ(answer.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(answer.body.ends_with("# EOF\n"));
}

TEST(Metrics, AModelNameThatIsNoTextDoesNotSpoilThePage) {
  metrics::CallTotals totals;
  totals.begin_with(ledger::Totals{});
  (void)totals.on_commit(metrics::test::call(1, "bad\xff\"name"));
  metrics::Report usage;
  usage.totals = totals.totals();
  EXPECT_NE(
      answer_metrics(kAll, filled(), usage)
          .body.find("antigravity_unpriced_operations_total{model=\"bad\xEF\xBF\xBD\\\"name\"}"),
      std::string::npos);
}

}  // namespace
}  // namespace agp::api
