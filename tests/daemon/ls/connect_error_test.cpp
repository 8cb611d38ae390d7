#include "daemon/ls/connect_error.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

TEST(ConnectError, TakesTheCodeFromTheBody) {
  const auto error =
      http_error(500, R"({"code":"resource_exhausted","message":"quota"})", "GetThing");
  EXPECT_EQ(error.code, Errc::resource_exhausted);
  EXPECT_EQ(error.context, "GetThing: quota");
}

TEST(ConnectError, TakesTheStatusWhereTheBodySaysNothing) {
  EXPECT_EQ(http_error(401, "", "m").code, Errc::unauthenticated);
  EXPECT_EQ(http_error(403, "{}", "m").code, Errc::permission_denied);
  EXPECT_EQ(http_error(404, "404 page not found", "m").code, Errc::unimplemented);
  EXPECT_EQ(http_error(415, "[]", "m").code, Errc::unknown);
  EXPECT_EQ(http_error(503, R"({"code":7})", "m").code, Errc::unavailable);
}

TEST(ConnectError, AThingThatIsNotFoundIsNoMethodThatIsMissing) {
  EXPECT_EQ(
      http_error(404, R"({"code":"not_found","message":"trajectory not found: C"})", "m").code,
      Errc::not_found);
}

TEST(ConnectError, CutsLongTexts) {
  const std::string body = R"({"code":"internal","message":")" + std::string(9'000, 'x') + "\"}";
  EXPECT_LT(http_error(500, body, "m").context.size(), 600U);
}

}  // namespace
}  // namespace agp::ls
