#include "helper/core/language_server_unit.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

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

const StartPlan kPlan{{"--csrf_token", "${AGP_CSRF_TOKEN}"}, "AGP_CSRF_TOKEN=tok\n", true};

UnitSpec unit(UnitStreams streams = {7, 8}) {
  return language_server_unit(std::string(32, 'a'), "/opt/$x/language_server", kPlan,
                              "/run/x/ca.pem", "/run/x/start.env", streams);
}

bool has_property(const UnitSpec& unit, const std::string& name) {
  return std::any_of(unit.properties.begin(), unit.properties.end(),
                     [&](const Property& p) { return p.name == name; });
}

// threat-model 21
TEST(LanguageServerUnit, RunsTheBinaryUnderItsOwnAccount) {
  const auto spec = unit();
  EXPECT_EQ(spec.name, "antigravity-ls-" + std::string(32, 'a') + ".service");
  const auto command = property<Command>(spec, "ExecStart");
  EXPECT_EQ(command.program, "/opt/$x/language_server");
  EXPECT_EQ(property<std::string>(spec, "User"), "antigravity-ls");
  EXPECT_EQ(property<Descriptor>(spec, "StandardInputFileDescriptor").fd, 7);
}

// threat-model 16
TEST(LanguageServerUnit, ItsEnvironmentIsOursAlone) {
  std::vector<std::string> names;
  for (const auto& line : property<std::vector<std::string>>(unit(), "Environment")) {
    names.push_back(line.substr(0, line.find('=')));
  }
  const std::vector<std::string> expected{"HOME",           "PATH",
                                          "LANG",           "SSL_CERT_FILE",
                                          "SSL_CERT_DIR",   "NODE_EXTRA_CA_CERTS",
                                          "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
                                          "GIT_SSL_CAINFO", "DENO_CERT",
                                          "GOMEMLIMIT"};
  EXPECT_EQ(names, expected) << "no caller adds to it";
}

TEST(LanguageServerUnit, KeepsItsSettingsReadableForTheServiceManager) {
  EXPECT_FALSE(has_property(unit(), "ExecStartEx")) << "systemd 252 cannot read it again";
}

// threat-model 34
TEST(LanguageServerUnit, DoesNotReachTheSocketOfTheApi) {
  const auto hidden = property<std::vector<std::string>>(unit(), "InaccessiblePaths");
  EXPECT_NE(std::find(hidden.begin(), hidden.end(), "-/run/antigravity-proxy"), hidden.end());
}

// threat-model 24
// threat-model 25
TEST(LanguageServerUnit, NamesItsSecretsAndShowsNone) {
  const auto command = property<Command>(unit(), "ExecStart");
  EXPECT_TRUE(command.flags.empty()) << "the service manager must fill the names in";
  const std::vector<std::string> expected{"/opt/$$x/language_server", "--csrf_token",
                                          "${AGP_CSRF_TOKEN}"};
  EXPECT_EQ(command.argv, expected);
  EXPECT_EQ(property<EnvironmentFiles>(unit(), "EnvironmentFiles").paths,
            std::vector<std::string>{"/run/x/start.env"});
}

TEST(LanguageServerUnit, LogsIntoThePipeOrTheJournal) {
  EXPECT_EQ(property<Descriptor>(unit(), "StandardErrorFileDescriptor").fd, 8);
  EXPECT_EQ(property<Descriptor>(unit(), "StandardOutputFileDescriptor").fd, 8);
  EXPECT_FALSE(has_property(unit(), "StandardError"));
  const auto journal = unit({7, -1});
  EXPECT_EQ(property<std::string>(journal, "StandardError"), "journal");
  EXPECT_FALSE(has_property(journal, "StandardErrorFileDescriptor"));
}

// threat-model 82
TEST(LanguageServerUnit, HasLimits) {
  EXPECT_EQ(property<std::uint64_t>(unit(), "MemoryMax"), 4ULL << 30U);
  EXPECT_GT(property<std::uint64_t>(unit(), "LimitDATA"), 4ULL << 30U);
  EXPECT_EQ(property<std::uint64_t>(unit(), "TasksMax"), 512U);
  EXPECT_EQ(property<std::string>(unit(), "OOMPolicy"), "kill");
}

TEST(HelpUnit, AsksWithoutNetworkAndEndsByItself) {
  const auto spec = help_unit(std::string(32, 'b'), "/opt/$x/language_server", "/run/x/ca.pem",
                              std::chrono::seconds(5));
  EXPECT_EQ(id_of(spec.name), "") << "it is no language server that anybody could stop";
  const auto command = property<Command>(spec, "ExecStartEx");
  const std::vector<std::string> expected{"/opt/$x/language_server", "--help"};
  EXPECT_EQ(command.argv, expected);
  EXPECT_EQ(command.flags, std::vector<std::string>{"no-env-expand"});
  EXPECT_EQ(property<std::string>(spec, "User"), "antigravity-ls");
  EXPECT_EQ(property<std::string>(spec, "StandardInput"), "null");
  EXPECT_TRUE(property<bool>(spec, "PrivateNetwork"));
  EXPECT_TRUE(property<bool>(spec, "NoNewPrivileges"));
  EXPECT_EQ(property<std::uint64_t>(spec, "RuntimeMaxUSec"), 5'000'000U);
}

// threat-model 48
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

// threat-model 16
// threat-model 25
TEST(LanguageServerUnit, KeepsSecretsOutOfTheEnvironment) {
  for (const auto& line : property<std::vector<std::string>>(unit(), "Environment")) {
    EXPECT_EQ(line.find("tok"), std::string::npos);
  }
}

// threat-model 27
TEST(LanguageServerUnit, StopsWithTheServicesSocketAndIsNeverRestarted) {
  const auto spec = unit();
  EXPECT_EQ(property<std::vector<std::string>>(spec, "StopPropagatedFrom"),
            std::vector<std::string>{"antigravity-proxy-intercept.socket"});
  for (const auto& p : spec.properties) {
    EXPECT_NE(p.name, "Restart");
    EXPECT_NE(p.name, "PartOf");
    EXPECT_NE(p.name, "BindsTo");
  }
}

// threat-model 21
// threat-model 22
TEST(LanguageServerUnit, HasNoPrivilege) {
  const auto spec = unit();
  EXPECT_TRUE(property<bool>(spec, "NoNewPrivileges"));
  EXPECT_EQ(property<std::uint64_t>(spec, "CapabilityBoundingSet"), 0U);
  EXPECT_EQ(property<std::string>(spec, "ProtectSystem"), "strict");
}

}  // namespace
}  // namespace agp::core
