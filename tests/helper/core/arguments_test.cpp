#include "helper/core/arguments.h"

#include "helper/core/errc.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

StartRequest good() {
  return {42100, 42101, 35987, "token-1_A", "", "file_srv_u_proj", 0};
}

void expect_refused(const StartRequest& request) {
  const auto result = validate(request, Settings());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
}

TEST(StartRequest, AcceptsWhatTheDaemonSends) {
  EXPECT_TRUE(validate(good(), Settings()));
  auto request = good();
  request.workspace_id.clear();
  request.extension_csrf_token = "b2";
  request.csrf_token = std::string(128, 'x');
  EXPECT_TRUE(validate(request, Settings()));
}

// threat-model 19
TEST(StartRequest, RefusesPortsOutsideTheirRange) {
  for (const std::uint16_t port :
       std::initializer_list<std::uint16_t>{0, 80, 8741, 8742, 42099, 42200, 65535}) {
    auto request = good();
    request.server_port = port;
    expect_refused(request);
    request = good();
    request.lsp_port = port;
    expect_refused(request);
  }
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{0, 80, 1023, 8741, 8742}) {
    auto request = good();
    request.extension_server_port = port;
    expect_refused(request);
  }
}

// threat-model 19
TEST(StartRequest, RefusesOnePortForTwoListeners) {
  auto request = good();
  request.lsp_port = request.server_port;
  expect_refused(request);
}

TEST(StartRequest, TakesACleartextPortOfTheRangeOrNone) {
  auto request = good();
  request.http_port = 42102;
  EXPECT_TRUE(validate(request, Settings()));
  for (const std::uint16_t port :
       std::initializer_list<std::uint16_t>{80, 8741, 42099, 42100, 42101, 42200}) {
    request.http_port = port;
    expect_refused(request);
  }
}

// threat-model 17
TEST(StartRequest, RefusesTokensThatAreNotPlain) {
  for (const std::string& token : {std::string(), std::string(129, 'x'), std::string("a b"),
                                   std::string("a\n"), std::string("$HOME"), std::string("a\0b", 3),
                                   std::string("%n"), std::string("-x"), std::string("\x1b")}) {
    auto request = good();
    request.csrf_token = token;
    expect_refused(request);
    if (!token.empty()) {
      request = good();
      request.extension_csrf_token = token;
      expect_refused(request);
    }
  }
}

// threat-model 20
TEST(StartRequest, RefusesAnIndexThatIsNotInTheList) {
  auto request = good();
  request.binary_index = static_cast<std::uint32_t>(Settings().binaries.size());
  expect_refused(request);
}

TEST(StartRequest, RefusesAWorkspaceIdThatIsNotMangled) {
  for (const std::string& id : {std::string("a/b"), std::string("a-b"), std::string(257, 'a')}) {
    auto request = good();
    request.workspace_id = id;
    expect_refused(request);
  }
}

TEST(UnitName, MapsBothWays) {
  const std::string id(32, 'a');
  EXPECT_EQ(id_of(unit_of(id)), id);
  EXPECT_EQ(id_of("antigravity-ls-../../x.service"), "");
  EXPECT_EQ(id_of("ssh.service"), "");
  EXPECT_FALSE(validate_id(std::string(31, 'a')));
  EXPECT_FALSE(validate_id(std::string(32, 'A')));
}

TEST(Endpoint, IsSchemeAndHostOnly) {
  EXPECT_TRUE(is_endpoint("https://daily-cloudcode-pa.googleapis.com"));
  EXPECT_TRUE(is_endpoint("http://127.0.0.1:8080"));
  for (const char* wrong : {"", "https://", "ftp://a", "https://a/b", "https://u@a", "https://-x",
                            "https://a b", "a.example"}) {
    EXPECT_FALSE(is_endpoint(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace agp::core
