#include "cli/forecast_text.h"

#include <cstdlib>
#include <ctime>
#include <string>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

// Times are local, so the zone is one that every machine has.
class ForecastText : public ::testing::Test {
 protected:
  ForecastText() {
    const char* set = std::getenv("TZ");
    before_ = set == nullptr ? "" : set;
    ::setenv("TZ", "XXX-1", 1);  // an hour before UTC
    ::tzset();
  }
  ~ForecastText() override {
    before_.empty() ? ::unsetenv("TZ") : ::setenv("TZ", before_.c_str(), 1);
    ::tzset();
  }

  static std::string text(const std::string& forecast, std::string_view now = kNow) {
    return forecast_text(boost::json::parse(R"({"forecast":)" + forecast + "}").as_object(), now);
  }
  static std::string empty_at(const std::string& time) {
    return text(R"({"empty_at":")" + time + R"(","rate_per_hour":0.1,"basis_seconds":900})");
  }

  static constexpr std::string_view kNow = "2026-11-23T12:00:00.5Z";  // a Monday

 private:
  std::string before_;
};

TEST_F(ForecastText, IsTheLocalTimeWhenNothingIsLeft) {
  EXPECT_EQ(empty_at("2026-11-23T15:40:59.999999Z"), "empty 16:40");
  EXPECT_EQ(empty_at("2026-11-23T22:59:59Z"), "empty 23:59");
  EXPECT_EQ(empty_at("2026-11-23T23:00:00Z"), "empty Tue 00:00");
  EXPECT_EQ(empty_at("2026-11-29T12:00:00Z"), "empty Sun 13:00");
  EXPECT_EQ(empty_at("2026-11-30T10:00:00Z"), "empty Nov 30");
  EXPECT_EQ(empty_at("2026-12-01T12:00:00Z"), "empty Dec  1");
  EXPECT_EQ(empty_at("2026-11-23T12:00:00Z"), "empty by now");
}

TEST_F(ForecastText, AQuotaThatLastsSaysSo) {
  EXPECT_EQ(text(R"({"empty_at":null,"rate_per_hour":0.1,"basis_seconds":900})"),
            "lasts until reset");
  EXPECT_EQ(text(R"({"empty_at":null,"rate_per_hour":0,"basis_seconds":900})"), "not used");
  EXPECT_EQ(text(R"({"empty_at":null,"rate_per_hour":0E0,"basis_seconds":900})"), "not used");
}

TEST_F(ForecastText, NothingIsSaidOnTooLittle) {
  EXPECT_EQ(text("null"), "");
  EXPECT_EQ(text("1"), "");
  EXPECT_EQ(forecast_text({}, kNow), "");
}

TEST_F(ForecastText, WithoutATimeOfTheAnswerNothingIsToday) {
  EXPECT_EQ(text(R"({"empty_at":"2026-11-23T15:40:00Z","rate_per_hour":0.1})", "unknown"),
            "empty Nov 23");
}

}  // namespace
}  // namespace agp::cli
