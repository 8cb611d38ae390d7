#include "tests/daemon/cost/call.h"

#include <fstream>
#include <iterator>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>

// What the package of the data set itself computes, for every name that its rules spell out and
// around every date on which a price changes: data/prices/checks.json.
namespace agp::cost {
namespace {

namespace json = boost::json;

json::value read_checks() {
  std::ifstream file(AGP_PRICE_CHECKS);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return json::parse(text);
}

std::uint64_t number(const json::value& usage, const char* key) {
  const json::value* found = usage.as_object().if_contains(key);
  return found == nullptr ? 0 : found->to_number<std::uint64_t>();
}

usage::Provider provider_of(const json::string& name) {
  return name == "google"      ? usage::Provider::google
         : name == "anthropic" ? usage::Provider::anthropic
         : name == "openai"    ? usage::Provider::openai
                               : usage::Provider::azure;
}

usage::Record record_of(const json::array& check, const json::value& usage) {
  const std::uint64_t write = number(usage, "cache_write_tokens");
  const std::uint64_t hour = number(usage, "cache_write_1h_tokens");
  auto record = call(provider_of(check[0].as_string()), std::string(check[1].as_string().c_str()),
                     {number(usage, "input_tokens"), number(usage, "cache_read_tokens"),
                      write - hour, hour, number(usage, "output_tokens")},
                     usage::Micros(std::chrono::milliseconds(check[2].as_int64())));
  if (const auto audio = number(usage, "input_audio_tokens"); audio != 0) {
    record.usage->input_by_modality = {{"audio", audio}};
    record.usage->cached_by_modality = {{"audio", number(usage, "cache_audio_read_tokens")}};
    record.usage->output_by_modality = {{"image", number(usage, "output_image_tokens")}};
  }
  return record;
}

TEST(PriceChecks, TheDaemonComputesWhatThePackageComputes) {
  const json::value checks = read_checks();
  const json::array& usages = checks.at("usages").as_array();
  ASSERT_EQ(checks.at("version").as_string(), builtin().version());
  ASSERT_GT(checks.at("checks").as_array().size(), 1'000U);
  for (const json::value& each : checks.at("checks").as_array()) {
    const json::array& check = each.as_array();
    const auto record = record_of(check, usages.at(check[3].to_number<std::size_t>()));
    EXPECT_EQ(pico_usd(record), check[4].to_number<std::uint64_t>()) << each;
  }
}

}  // namespace
}  // namespace agp::cost
