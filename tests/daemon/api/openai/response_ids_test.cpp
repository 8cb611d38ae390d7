#include "daemon/api/openai/response_ids.h"

#include <functional>

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

constexpr const char* kUnique = "01J9ZZZZZZZZZZZZZZZZZZZZZZ";
constexpr const char* kCascade = "5f0c6f0e-8d5b-4c39-9d3f-0123456789ab";

ResponseIds::Seal seal_of(std::string key) {
  return [key = std::move(key)](std::string_view text) {
    const auto number = std::to_string(std::hash<std::string>()(key + std::string(text)));
    return std::string(64 - number.size(), '0') + number + "unused";
  };
}

TEST(ResponseIds, NameTheirConversation) {
  // What follows the first 32 digits of a seal is not used: the number has to be among them.
  const ResponseIds ids([](std::string_view text) {
    const auto number = std::to_string(std::hash<std::string_view>()(text));
    return std::string(32 - number.size(), '0') + number + "rest";
  });
  const auto id = ids.make(kUnique, kCascade, 1000);
  EXPECT_TRUE(id.starts_with(std::string("resp_") + kUnique + "_0")) << id;
  EXPECT_TRUE(id.ends_with(std::string("_") + kCascade)) << id;
  EXPECT_EQ(ids.cascade_of(id, 1000), kCascade);
  // Another person's, changed anywhere, cut anywhere.
  EXPECT_FALSE(ids.cascade_of(id, 1001));
  EXPECT_FALSE(ids.cascade_of(id, std::nullopt));
  for (std::size_t i = 0; i < id.size(); ++i) {
    auto changed = id;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(ids.cascade_of(changed, 1000)) << changed;
    EXPECT_FALSE(ids.cascade_of(id.substr(0, i), 1000)) << i;
  }
  EXPECT_FALSE(ids.cascade_of(id + "0", 1000));
}

TEST(ResponseIds, OfAnotherInstallationAreForeign) {
  const auto head = [](std::string key) {
    return [seal = seal_of(std::move(key))](std::string_view text) {
      return seal(text).substr(32);
    };
  };
  const ResponseIds one(head("a"));
  const ResponseIds other(head("b"));
  const auto id = one.make(kUnique, kCascade, 1000);
  EXPECT_TRUE(one.cascade_of(id, 1000));
  EXPECT_FALSE(other.cascade_of(id, 1000));
}

TEST(ResponseIds, CannotBeContinuedWithoutAConversationOrASeal) {
  const ResponseIds ids(nullptr);
  EXPECT_EQ(ids.make(kUnique, kCascade, 1), std::string("resp_") + kUnique);
  EXPECT_FALSE(ids.cascade_of(std::string("resp_") + kUnique, 1));
  const ResponseIds sealed(seal_of("a"));
  for (const auto* odd : {"", "a b", "a_b", "a/b"}) {
    EXPECT_EQ(sealed.make(kUnique, odd, 1), std::string("resp_") + kUnique) << odd;
  }
}

}  // namespace
}  // namespace agp::api::openai
