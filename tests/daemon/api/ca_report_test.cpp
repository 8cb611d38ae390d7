#include "daemon/api/ca_report.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

CaReport some_report() {
  CaReport report;
  report.certificate = {"CN=one", "ab12", usage::Micros(std::chrono::seconds(1'800'000'000)),
                        usage::Micros(std::chrono::seconds(1'800'003'600))};
  report.renew_at = usage::Micros(std::chrono::seconds(1'800'001'800));
  report.permitted = {"googleapis.com"};
  report.file = "/state/ca/ca.pem";
  return report;
}

TEST(CaReport, SaysWhatIsInUseAndNullForWhatIsNot) {
  const auto text = render_ca(some_report(), usage::Micros(std::chrono::seconds(1'800'000'001)));
  EXPECT_EQ(text, R"({"schema":"antigravity-proxy.ca.v1","generated_at":"2027-01-15T08:00:01Z",)"
                  R"("certificate":{"subject":"CN=one","sha256":"ab12",)"
                  R"("not_before":"2027-01-15T08:00:00Z","not_after":"2027-01-15T09:00:00Z"},)"
                  R"("renew_at":"2027-01-15T08:30:00Z","permitted_names":["googleapis.com"],)"
                  R"("file":"/state/ca/ca.pem","bundle":null,"rotation":null,"problem":null})"
                  "\n");
}

TEST(CaReport, SaysHowFarAReplacementGot) {
  auto report = some_report();
  report.bundle = "/run/bundle.pem";
  report.problem = "it failed";
  report.rotation = CaReport::Rotation{"making", std::nullopt};
  auto text = render_ca(report, {});
  EXPECT_NE(text.find(R"("rotation":{"step":"making","next":null},"problem":"it failed")"),
            std::string::npos)
      << text;
  report.rotation->next = report.certificate;
  text = render_ca(report, {});
  EXPECT_NE(text.find(R"("next":{"subject":"CN=one","sha256":"ab12")"), std::string::npos) << text;
}

}  // namespace
}  // namespace agp::api
