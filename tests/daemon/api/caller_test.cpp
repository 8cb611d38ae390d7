#include "daemon/api/caller.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using Uid = std::optional<std::uint32_t>;

VisibilityRules rules() {
  VisibilityRules out;
  out.daemon_uid = 900;
  out.ls_uid = 901;
  return out;
}

Uid holder(std::string_view key) {
  return key == "good" ? Uid(1000) : key == "of-the-language-server" ? Uid(901) : Uid();
}

Visibility who(const std::string& authorization, Uid uid) {
  Request request;
  if (!authorization.empty()) {
    request.headers = {{"authorization", authorization}};
  }
  return identify(request, uid, rules(), holder);
}

// threat-model 69
TEST(BearerKey, IsTheWordBehindTheScheme) {
  for (const char* value : {"Bearer key", "bearer key", "BEARER   key"}) {
    Request request;
    request.headers = {{"Authorization", value}};
    EXPECT_EQ(bearer_key(request), "key") << value;
  }
  for (const char* value : {"", "Bearer", "Bearer ", "Basic key", "Bearerkey", "key"}) {
    Request request;
    request.headers = {{"Authorization", value}};
    EXPECT_FALSE(bearer_key(request)) << value;
  }
  Request twice;
  twice.headers = {{"Authorization", "Bearer a"}, {"Authorization", "Bearer b"}};
  EXPECT_FALSE(bearer_key(twice));
}

TEST(Caller, AKeySpeaksForItsUser) {
  for (const Uid& uid : {Uid(), Uid(1001)}) {
    EXPECT_EQ(who("Bearer good", uid).uids, (std::vector<std::uint32_t>{1000}));
  }
}

TEST(Caller, WhomTheKernelKnowsNeedsNoKeyAndMaySendAny) {
  for (const char* authorization : {"", "Bearer unused", "Basic x"}) {
    const auto caller = who(authorization, 1001);
    EXPECT_EQ(caller.access, Visibility::Access::granted);
    EXPECT_EQ(caller.uids, (std::vector<std::uint32_t>{1001}));
  }
}

// threat-model 69
TEST(Caller, AWrongKeyOfAnUnknownCallerIsToldApart) {
  EXPECT_EQ(who("Bearer bad", std::nullopt).access, Visibility::Access::unknown_key);
  EXPECT_EQ(who("", std::nullopt).access, Visibility::Access::unidentified);
  EXPECT_TRUE(who("Bearer bad", std::nullopt).uids->empty());
}

TEST(Caller, TheLanguageServerIsRefusedWithAnyKey) {
  EXPECT_EQ(who("Bearer good", 901).access, Visibility::Access::refused);
  EXPECT_EQ(who("Bearer of-the-language-server", 1001).access, Visibility::Access::refused);
}

TEST(Caller, WithoutKeysThereIsNoHolder) {
  Request request;
  request.headers = {{"Authorization", "Bearer good"}};
  EXPECT_EQ(identify(request, std::nullopt, rules(), {}).access, Visibility::Access::unknown_key);
}

}  // namespace
}  // namespace agp::api
