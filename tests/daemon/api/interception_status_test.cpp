#include "daemon/api/interception_status.h"

#include "daemon/api/status.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

TEST(InterceptionStatus, IsNullWhereThereIsNone) {
  const auto document = boost::json::parse(render_status(StatusReport{}, {}));
  EXPECT_TRUE(document.at("interception").is_null());
}

TEST(InterceptionStatus, ARefusedCertificateHasHostCountAndRemedy) {
  StatusReport report;
  report.interception.emplace();
  report.interception->calls_under_way = 5;
  report.interception->client_refused = 3;
  report.interception->client_failed = 4;
  report.interception->refused_by_client.push_back(
      {"api.example.com", 3, {}, "unknown ca", "trust the bundle"});
  report.interception->unnamed_by_reason = {{"ech", 2}};
  const auto document = boost::json::parse(render_status(report, {}));
  const auto& part = document.at("interception");
  EXPECT_EQ(part.at("calls_under_way"), 5);
  EXPECT_EQ(part.at("client_refused"), 3);
  EXPECT_EQ(part.at("client_failed"), 4);
  EXPECT_EQ(part.at("unnamed_by_reason").at("ech"), 2);
  const auto& host = part.at("refused_by_client").at(0);
  EXPECT_EQ(host.at("host").as_string(), "api.example.com");
  EXPECT_EQ(host.at("count"), 3);
  EXPECT_EQ(host.at("remedy").as_string(), "trust the bundle");
}

}  // namespace
}  // namespace agp::api
