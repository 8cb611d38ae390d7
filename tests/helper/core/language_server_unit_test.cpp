#include "helper/core/language_server_unit.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

const StartRequest kRequest{42100, 42101, 35987, "tok", "", "file_x", 1};

template <class T>
T property(const UnitSpec& unit, const std::string& name) {
  for (const auto& p : unit.properties) {
    if (p.name == name) {
      return std::get<T>(p.value);
    }
  }
  ADD_FAILURE() << "no property " << name;
  return T{};
}

UnitSpec unit(const StartRequest& request = kRequest) {
  return language_server_unit(std::string(32, 'a'), request, Settings(), "/run/x/ca.pem", 7);
}

TEST(LanguageServerUnit, PassesTheArgumentsOfTheFirstEra) {
  const std::vector<std::string> expected{"--enable_lsp",
                                          "--extension_server_port",
                                          "35987",
                                          "--csrf_token",
                                          "tok",
                                          "--server_port",
                                          "42100",
                                          "--lsp_port",
                                          "42101",
                                          "--workspace_id",
                                          "file_x",
                                          "--cloud_code_endpoint",
                                          "https://daily-cloudcode-pa.googleapis.com",
                                          "--app_data_dir",
                                          "antigravity"};
  EXPECT_EQ(language_server_arguments(kRequest, Settings()), expected);
}

TEST(LanguageServerUnit, PassesTheSecondTokenOnlyWhenThereIsOne) {
  auto request = kRequest;
  request.extension_csrf_token = "second";
  const auto argv = language_server_arguments(request, Settings());
  const auto at = std::find(argv.begin(), argv.end(), "--extension_server_csrf_token");
  ASSERT_NE(at, argv.end());
  EXPECT_EQ(*(at + 1), "second");
}

TEST(LanguageServerUnit, RunsTheChosenBinaryUnderItsOwnAccount) {
  const auto spec = unit();
  EXPECT_EQ(spec.name, "antigravity-ls-" + std::string(32, 'a') + ".service");
  const auto command = property<Command>(spec, "ExecStartEx");
  EXPECT_EQ(command.program, Settings().binaries[1]);
  EXPECT_EQ(command.argv.front(), command.program);
  EXPECT_EQ(command.flags, std::vector<std::string>{"no-env-expand"});
  EXPECT_EQ(property<std::string>(spec, "User"), "antigravity-ls");
  EXPECT_EQ(property<Descriptor>(spec, "StandardInputFileDescriptor").fd, 7);
}

TEST(LanguageServerUnit, TrustsTheBundleAndNoDirectory) {
  const auto environment = property<std::vector<std::string>>(unit(), "Environment");
  for (const char* expected : {"SSL_CERT_FILE=/run/x/ca.pem", "SSL_CERT_DIR=/dev/null",
                               "HOME=/var/lib/antigravity-ls", "NODE_EXTRA_CA_CERTS=/run/x/ca.pem",
                               "CURL_CA_BUNDLE=/run/x/ca.pem", "REQUESTS_CA_BUNDLE=/run/x/ca.pem",
                               "GIT_SSL_CAINFO=/run/x/ca.pem", "DENO_CERT=/run/x/ca.pem"}) {
    EXPECT_NE(std::find(environment.begin(), environment.end(), expected), environment.end())
        << expected;
  }
}

TEST(LanguageServerUnit, KeepsSecretsOutOfTheEnvironment) {
  for (const auto& line : property<std::vector<std::string>>(unit(), "Environment")) {
    EXPECT_EQ(line.find("tok"), std::string::npos);
  }
}

TEST(LanguageServerUnit, StopsWithTheDaemonAndIsNeverRestarted) {
  const auto spec = unit();
  EXPECT_EQ(property<std::vector<std::string>>(spec, "StopPropagatedFrom"),
            std::vector<std::string>{"antigravity-proxy.service"});
  for (const auto& p : spec.properties) {
    EXPECT_NE(p.name, "Restart");
    EXPECT_NE(p.name, "PartOf");
    EXPECT_NE(p.name, "BindsTo");
  }
}

TEST(LanguageServerUnit, HasNoPrivilege) {
  const auto spec = unit();
  EXPECT_TRUE(property<bool>(spec, "NoNewPrivileges"));
  EXPECT_EQ(property<std::uint64_t>(spec, "CapabilityBoundingSet"), 0U);
  EXPECT_EQ(property<std::string>(spec, "ProtectSystem"), "strict");
}

}  // namespace
}  // namespace agp::core
