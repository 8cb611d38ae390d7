#include "daemon/api/guard.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

const Door kTcp{8741, {}};
const Door kUnix{std::nullopt, {}};

Request request(std::string method, std::vector<Header> headers) {
  Request out;
  out.method = std::move(method);
  out.headers = std::move(headers);
  return out;
}

unsigned status_for(const Request& asked, const Door& door = kTcp) {
  const auto refusal = refuse_head(asked, door);
  return refusal ? refusal->status : 0;
}

TEST(Guard, KnowsItsOwnNames) {
  for (const char* host : {"127.0.0.1:8741", "localhost:8741", "LocalHost:8741", "[::1]:8741"}) {
    EXPECT_EQ(status_for(request("GET", {{"host", host}})), 0U) << host;
  }
}

// threat-model 70
TEST(Guard, RefusesEveryOtherHost) {
  for (const char* host : {"", "localhost", "127.0.0.1", "localhost:8742", "evil.example:8741",
                           "127.0.0.1:8741.evil.example", "localhost.:8741", "127.0.0.2:8741",
                           "[::1]", "user@localhost:8741", " localhost:8741"}) {
    EXPECT_EQ(status_for(request("GET", {{"Host", host}})), 421U) << host;
  }
  EXPECT_EQ(status_for(request("GET", {})), 421U);
  EXPECT_EQ(status_for(request("GET", {{"Host", "localhost:8741"}, {"Host", "localhost:8741"}})),
            421U);
}

TEST(Guard, AUnixSocketNeedsNoPort) {
  EXPECT_EQ(status_for(request("GET", {{"Host", "localhost"}}), kUnix), 0U);
  EXPECT_EQ(status_for(request("GET", {{"Host", "localhost:8741"}}), kUnix), 0U);
  EXPECT_EQ(status_for(request("GET", {{"Host", "evil.example"}}), kUnix), 421U);
}

TEST(Guard, ConfiguredNamesAreAllowed) {
  const Door door{8741, {"proxy:8741"}};
  EXPECT_EQ(status_for(request("GET", {{"Host", "Proxy:8741"}}), door), 0U);
}

// threat-model 71
TEST(Guard, RefusesOtherOrigins) {
  const Header host{"Host", "localhost:8741"};
  EXPECT_EQ(status_for(request("GET", {host, {"Origin", "http://localhost:8741"}})), 0U);
  for (const char* origin : {"http://evil.example", "null", "https://localhost:8741", "",
                             "http://localhost:8741.evil.example", "http://localhost",
                             "http://localhost:9999", "http://127.0.0.1:9999"}) {
    EXPECT_EQ(status_for(request("GET", {host, {"Origin", origin}})), 403U) << origin;
  }
}

// threat-model 71
// threat-model 74
TEST(Guard, RefusesCrossSiteRequestsWithoutOrigin) {
  const Header host{"Host", "localhost:8741"};
  EXPECT_EQ(status_for(request("GET", {host, {"Sec-Fetch-Site", "none"}})), 0U);
  EXPECT_EQ(status_for(request("GET", {host, {"Sec-Fetch-Site", "same-origin"}})), 0U);
  EXPECT_EQ(status_for(request("GET", {host, {"Sec-Fetch-Site", "cross-site"}})), 403U);
  EXPECT_EQ(status_for(request("GET", {host, {"Sec-Fetch-Site", "same-site"}})), 403U);
  EXPECT_EQ(status_for(request("OPTIONS", {host})), 403U);
}

// threat-model 72
TEST(Guard, BodiesAreJsonOrRefused) {
  const Header host{"Host", "localhost:8741"};
  EXPECT_EQ(status_for(request("POST", {host, {"Content-Type", "application/json"}})), 0U);
  EXPECT_EQ(
      status_for(request("POST", {host, {"Content-Type", "Application/JSON; charset=utf-8"}})), 0U);
  EXPECT_EQ(
      status_for(request("POST", {host, {"Content-Type", "application/json ; charset=utf-8"}})),
      0U);
  for (const char* type : {"text/plain", "application/jsonp", "application/x-www-form-urlencoded",
                           "multipart/form-data; application/json"}) {
    EXPECT_EQ(status_for(request("POST", {host, {"Content-Type", type}})), 415U) << type;
  }
  EXPECT_EQ(status_for(request("POST", {host})), 415U);
}

}  // namespace
}  // namespace agp::api
