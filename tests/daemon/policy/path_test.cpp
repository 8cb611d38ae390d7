#include "daemon/policy/path.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::policy {
namespace {

using Strings = std::vector<std::string>;

bool matches(std::string_view pattern, std::string_view path) {
  return PathPattern::parse(pattern).value().matches(path);
}

/// What a rule that blocks `pattern` says.
bool is_hit(std::string_view pattern, std::string_view target) {
  const auto readings = path_readings(target);
  return !readings || std::any_of(readings->begin(), readings->end(),
                                  [&](const auto& path) { return matches(pattern, path); });
}

TEST(PathPattern, AnExactPathIsThatPath) {
  EXPECT_TRUE(matches("/v1/messages", "/v1/messages"));
  EXPECT_FALSE(matches("/v1/messages", "/v1/messages/batches"));
  EXPECT_FALSE(matches("/v1/messages", "/v1/Messages"));
}

TEST(PathPattern, AStarAtTheEndIsAPrefix) {
  EXPECT_TRUE(matches("/v1/*", "/v1/"));
  EXPECT_TRUE(matches("/v1/*", "/v1/messages/batches"));
  EXPECT_TRUE(matches("/v1/mod*", "/v1/models"));
  EXPECT_FALSE(matches("/v1/*", "/v1"));
  EXPECT_TRUE(matches("/*", "/"));
}

TEST(PathPattern, AStarInsideStaysInItsSegment) {
  EXPECT_TRUE(matches("/v1beta/models/*:generateContent", "/v1beta/models/gemini:generateContent"));
  EXPECT_FALSE(matches("/v1beta/models/*:generateContent", "/v1beta/models/a/b:generateContent"));
  EXPECT_TRUE(matches("/a/*/c", "/a//c"));
  EXPECT_FALSE(matches("/a/*/c", "/a/b/b/c"));
  EXPECT_FALSE(matches("/a/*/c", "/a/b/c/d"));
}

TEST(PathPattern, TwoStarsCrossSegments) {
  EXPECT_TRUE(matches("/**/c", "/a/b/c"));
  EXPECT_TRUE(matches("/a/**:count", "/a/b/c:count"));
  EXPECT_TRUE(matches("/**/x/*/y", "/1/2/x/3/y"));
  EXPECT_FALSE(matches("/**/x/*/y", "/1/2/x/3/4/y"));
  EXPECT_TRUE(matches("/**", "/a/b"));
}

TEST(PathPattern, ManyStarsDoNotTakeForever) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) {
    pattern += "/**a";
  }
  EXPECT_FALSE(matches(pattern + "b", "/" + std::string(4000, 'a')));
}

TEST(PathPattern, IsKeptInItsCanonicalSpelling) {
  EXPECT_TRUE(matches("/v1/%6dessages", "/v1/messages"));
  EXPECT_TRUE(matches("/a%2fb", "/a%2Fb"));
  EXPECT_TRUE(matches("/%2A", "/*"));
  EXPECT_FALSE(matches("/%2A", "/x"));
  EXPECT_EQ(PathPattern::parse("/v1/%6d")->text(), "/v1/%6d");
}

TEST(PathPattern, RefusesWhatNoPathIs) {
  for (const auto* bad : {"", "v1", "*", "/a?b", "/a#b", "/a b", "/a/../b", "/.", "/a/%2e%2e/b",
                          "/a/./b", "/%", "/%2", "/%zz", "/a\\b", "/a\n"}) {
    EXPECT_FALSE(PathPattern::parse(bad)) << bad;
  }
  EXPECT_FALSE(PathPattern::parse("/" + std::string(kMaxPatternBytes, 'a')));
  EXPECT_TRUE(PathPattern::parse("/" + std::string(kMaxPatternBytes - 1, 'a')));
}

TEST(CanonicalPath, HasOneSpelling) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/v1/messages", "/v1/messages"},
      {"/v1/%6dessages", "/v1/messages"},
      {"/v1/%6Dessages?x=/y#z", "/v1/messages"},
      {"/a/./b/../c", "/a/c"},
      {"/a/%2e%2E/c", "/c"},
      {"/../../a", "/a"},
      {"/a/..", "/"},
      {"/a/.", "/a/"},
      {"/a%2fb", "/a%2Fb"},
      {"/a\\b", "/a%5Cb"},
      {"/%C3%a9", "/%C3%A9"},
      {"/\xc3\xa9", "/%C3%A9"},
      {"/%", "/%25"},
      {"/%%41", "/%25A"},
      {"/%2541", "/%2541"},
      {"/a%3Bb;c", "/a%3Bb;c"},
      {"/a#b", "/a%23b"},
      {"http://api.example/v1/x?y", "/v1/x"},
      {"https://api.example", "/"},
      {"*", "/*"},
      {"", "/"},
      {"?x", "/"},
      {"api.example:443", "/api.example:443"},
      {"/x?http://y/z", "/x"},
  };
  for (const auto& [target, path] : cases) {
    EXPECT_EQ(canonical_path(target), path) << target;
    EXPECT_EQ(canonical_path(path), path) << "not idempotent: " << target;
  }
}

TEST(PathReadings, AnOrdinaryPathHasOne) {
  for (const auto* target : {"/v1/messages", "/v1/%6dessages?a=%2F", "/v1beta/models/x:y", "/"}) {
    EXPECT_EQ(path_readings(target), Strings{canonical_path(target)}) << target;
  }
}

TEST(PathReadings, TheCanonicalOneComesFirstAndNoneTwice) {
  auto readings = path_readings("/a//b/..;x%2f/c%00/").value();
  EXPECT_EQ(readings.front(), canonical_path("/a//b/..;x%2f/c%00/"));
  std::sort(readings.begin(), readings.end());
  EXPECT_EQ(std::adjacent_find(readings.begin(), readings.end()), readings.end());
  EXPECT_LE(readings.size(), kMaxReadings);
}

// Each of these reaches /v1/messages at some server.
TEST(PathReadings, NoReEncodingDodgesABlock) {
  for (const auto* target : {"/v1/messages",
                             "/v1/%6dessages",
                             "/v1/%6Dessages",
                             "/%76%31/messages",
                             "/v1/messages?x",
                             "/v1/messages?",
                             "/v1/messages#x",
                             "/v1/messages/",
                             "//v1/messages",
                             "/v1//messages",
                             "///v1///messages///",
                             "/v1/./messages",
                             "/v1/x/../messages",
                             "/x/../v1/messages",
                             "/../v1/messages",
                             "/v1/messages/.",
                             "/v1/messages/x/..",
                             "/v1/%2e/messages",
                             "/v1/x/%2e%2e/messages",
                             "/v1/x/.%2E/messages",
                             "/v1%2Fmessages",
                             "/v1%2fmessages",
                             "%2Fv1%2Fmessages",
                             "/v1%5Cmessages",
                             "/v1\\messages",
                             "\\v1\\messages",
                             "/v1/x\\..\\messages",
                             "/v1/x%5c..%5cmessages",
                             "/v1;a=b/messages",
                             "/v1/messages;a=b",
                             "/v1/messages;",
                             "/v1/x/..;/messages",
                             "/v1/x/..;a=b/messages",
                             "/v1/messages%00",
                             "/v1/messages%00.png",
                             "/v1/messages%3Fx",
                             "/v1/messages%23x",
                             "/v1/%256dessages",
                             "/v1/%25256dessages",
                             "/v1%252Fmessages",
                             "/v1%252525252Fmessages",
                             "/v1/x/%252e%252e/messages",
                             "/v1/x/%2e%2e%2fmessages",
                             "/v1/messages%3Ba=b",
                             "/v1/messages%253Ba",
                             "/safe#/../v1/messages",
                             "/safe%3f/../v1/messages",
                             "http://api.example/v1/messages",
                             "HTTPS://x/v1/./messages",
                             "/v1/%6%64essages",
                             "/v1%2F%2Fmessages",
                             "/a/b/%252e%252e/%2e%2e/../v1/%256dessages"}) {
    EXPECT_TRUE(is_hit("/v1/messages", target)) << target;
  }
}

TEST(PathReadings, OtherPathsAreNotHit) {
  for (const auto* target :
       {"/v1/messagesx", "/v1/message", "/v2/messages", "/v1/messages/batches", "/V1/messages",
        "/x?/v1/messages", "/v1/messages%20", "/v1/messages/..x"}) {
    EXPECT_FALSE(is_hit("/v1/messages", target)) << target;
  }
}

TEST(PathReadings, EndWhereNobodyCanSay) {
  EXPECT_TRUE(path_readings("/" + std::string(kMaxTargetBytes - 1, 'a')));
  EXPECT_FALSE(path_readings("/" + std::string(kMaxTargetBytes, 'a')));
  std::string deep = "/%";
  for (std::size_t i = 0; i < kMaxReadings; ++i) {
    deep += "25";
  }
  EXPECT_FALSE(path_readings(deep + "41"));
}

}  // namespace
}  // namespace agp::policy
