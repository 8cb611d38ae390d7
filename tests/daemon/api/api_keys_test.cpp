#include "daemon/api/api_keys.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

// SHA-256 of "agp_0123456789abcdef0123456789abcdef", by sha256sum.
const std::string kKey = "agp_0123456789abcdef0123456789abcdef";
const std::string kLine = "sha256:3bdc3c24c51afdf4c81f48060c619bdf06d2a764c9a2631bcd688c0ded5a8797";

std::optional<std::uint32_t> user(const std::string& name) {
  return name == "anna" ? std::optional<std::uint32_t>(1000) : std::nullopt;
}

Result<ApiKeys> parse(const std::string& text) {
  return ApiKeys::parse(text, user);
}

TEST(ApiKeys, AKeyStandsForItsUser) {
  for (const auto& [line, uid] : {std::pair(kLine + " anna", 1000U), std::pair(kLine + " 42", 42U),
                                  std::pair("\n# keys\n \t" + kLine + "\t0 ci machine\r\n", 0U)}) {
    const auto keys = parse(line);
    ASSERT_TRUE(keys) << keys.error().text();
    EXPECT_EQ(keys->size(), 1U);
    EXPECT_EQ(keys->uid_of(kKey), uid) << line;
  }
}

// The file's own lines are among them.
// threat-model 69
// threat-model 76
TEST(ApiKeys, AnyOtherKeyIsNone) {
  const auto keys = parse(kLine + " anna");
  ASSERT_TRUE(keys);
  for (const std::string& wrong :
       {std::string(), kKey.substr(1), kKey + "0", kKey.substr(0, kKey.size() - 1) + "g",
        std::string(100'000, 'x'), kLine, kLine.substr(7)}) {
    EXPECT_FALSE(keys->uid_of(wrong)) << wrong.substr(0, 80);
  }
  EXPECT_FALSE(ApiKeys().uid_of(kKey));
}

TEST(ApiKeys, AFaultNamesItsLineAndSpoilsTheFile) {
  for (const auto& bad :
       {kLine, kLine + " bob", kLine + " -1", kLine + " 4294967295", kLine + " 7x", kKey + " anna",
        kLine.substr(0, 70) + " anna", "sha256:" + std::string(64, 'g') + " anna",
        kLine + " anna\n" + kLine + " 7"}) {
    const auto keys = parse("# first\n" + bad + "\n");
    ASSERT_FALSE(keys) << bad;
    EXPECT_EQ(keys.error().context.rfind("line ", 0), 0U) << keys.error().context;
    EXPECT_EQ(keys.error().context.find(kKey), std::string::npos) << "keys are never shown";
  }
}

}  // namespace
}  // namespace agp::api
