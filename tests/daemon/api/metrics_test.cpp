#include "daemon/api/metrics.h"

#include "daemon/api/router.h"

#include <set>
#include <sstream>

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
  report.interception.emplace();
  report.interception->open = 5;
  report.interception->intercepted_by_protocol = {{"h2", 7}, {"we\"ird\\", 1}};
  report.interception->unnamed_by_reason = {{"ech", 4}, {"no_sni", 0}};
  report.interception->client_refused = 2;
  report.interception->client_failed = 3;
  report.interception->refused_by_client.push_back({"secret.example.com", 2, {}, "", ""});
  return report;
}

TEST(Metrics, CountersHaveTheirNamesAndLabels) {
  const auto page = render_metrics(filled());
  for (const auto* line :
       {"antigravity_capture_active{mode=\"service\"} 1\n", "antigravity_connections 5\n",
        "antigravity_api_failed_callers_total{reason=\"unidentified\"} 1\n",
        "antigravity_api_failed_callers_total{reason=\"unknown_key\"} 2\n",
        "antigravity_api_failed_callers_total{reason=\"refused\"} 3\n",
        "antigravity_api_limited_callers_total 4\n", "antigravity_redirect_repairs_total 6\n",
        "antigravity_connections_total{disposition=\"inspect\",protocol=\"h2\"} 7\n",
        "antigravity_unnamed_connections_total{reason=\"ech\"} 4\n",
        "antigravity_unnamed_connections_total{reason=\"no_sni\"} 0\n",
        "protocol=\"we\\\"ird\\\\\"} 1\n",
        "antigravity_handshake_failures_total{leg=\"client\",reason=\"certificate_refused\"} "
        "2\n",
        "antigravity_handshake_failures_total{leg=\"client\",reason=\"handshake_broken\"} 3\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

TEST(Metrics, HostNamesStayOut) {
  EXPECT_EQ(render_metrics(filled()).find("secret.example.com"), std::string::npos);
}

TEST(Metrics, EachFamilyIsDescribedOnceBeforeItsSamples) {
  std::istringstream page(render_metrics(filled()));
  std::set<std::string> described;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(described.insert(line.substr(7, line.find(' ', 7) - 7)).second) << line;
    } else if (!line.starts_with('#')) {
      EXPECT_TRUE(described.contains(line.substr(0, line.find_first_of("{ ")))) << line;
    }
  }
  EXPECT_GE(described.size(), 15U);
}

TEST(Metrics, AreServedAsPrometheusText) {
  Request request;
  request.method = "GET";
  request.path = "/metrics";
  auto step = handle(request, {}, {});
  const auto* job = std::get_if<StatusJob>(&step);
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->render(filled()).content_type, kMetricsType);
}

}  // namespace
}  // namespace agp::api
