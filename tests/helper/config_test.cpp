#include "helper/config.h"

#include "helper/core/errc.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::helper {
namespace {

TEST(HelperConfig, AnEmptyOneMeansTheDefaults) {
  const auto settings = parse_settings("", "helper.yaml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->binaries, core::Settings::default_binaries());
  EXPECT_EQ(settings->ports.first, 42100);
  EXPECT_EQ(settings->cloud_code_endpoint, "https://daily-cloudcode-pa.googleapis.com");
}

TEST(HelperConfig, ReadsItsKeys) {
  const auto settings = parse_settings(
      "language_server:\n  binaries: [/opt/x/ls]\n  ports: 50000-50010\n"
      "  cloud_code_endpoint: https://a.example\n",
      "helper.yaml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->binaries, std::vector<std::string>{"/opt/x/ls"});
  EXPECT_EQ(settings->ports.last, 50010);
}

TEST(HelperConfig, ReadsTheEgress) {
  EXPECT_EQ(parse_settings("", "f")->egress, core::Egress::metered);
  EXPECT_EQ(parse_settings("language_server: {egress: metered}", "f")->egress,
            core::Egress::metered);
  EXPECT_EQ(parse_settings("language_server: {egress: strict}", "f")->egress, core::Egress::strict);
  for (const char* word : {"off", "Strict", "''", "[strict]", "true"}) {
    EXPECT_FALSE(parse_settings(std::string("language_server: {egress: ") + word + "}", "f"))
        << word;
  }
}

TEST(HelperConfig, ReadsWhoHoldsTheRules) {
  EXPECT_EQ(parse_settings("", "f")->firewall, core::FirewallBackend::automatic);
  for (const auto backend : {core::FirewallBackend::automatic, core::FirewallBackend::iptables,
                             core::FirewallBackend::nftables}) {
    const auto settings =
        parse_settings(std::string("firewall: {backend: ") + core::to_string(backend) + "}", "f");
    ASSERT_TRUE(settings) << settings.error().text();
    EXPECT_EQ(settings->firewall, backend);
  }
  EXPECT_FALSE(parse_settings("firewall: {backend: ufw}\n", "f"));
}

TEST(HelperConfig, ReadsWhereTheExtensionIs) {
  EXPECT_EQ(parse_settings("", "f")->extensions, core::Settings::default_extensions());
  const auto settings = parse_settings("ide: {extensions: [/srv/ide/extension.js]}\n", "f");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->extensions, std::vector<std::string>{"/srv/ide/extension.js"});
  EXPECT_FALSE(parse_settings("ide: {extensions: [extension.js]}\n", "f"));
}

TEST(HelperConfig, ReportsAllFaultsWithTheirPlaces) {
  const auto settings = parse_settings(
      "language_server:\n  ports: 80-90\n  cloud_code_endpoint: nonsense\n  other: 1\n",
      "helper.yaml");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, core::Errc::configuration);
  const auto& text = settings.error().context;
  EXPECT_NE(text.find("helper.yaml:2:10"), std::string::npos) << text;
  EXPECT_NE(text.find("helper.yaml:3:24"), std::string::npos) << text;
  EXPECT_NE(text.find("helper.yaml:4:3"), std::string::npos) << text;
}

TEST(HelperConfig, RefusesRangesThatHitOurPorts) {
  for (const char* range : {"8000-9000", "42100", "42100-42100", "42200-42100", "1-2", "a-b",
                            "50000-70000", "50000-50010x"}) {
    EXPECT_FALSE(parse_settings(std::string("language_server: {ports: '") + range + "'}", "f"))
        << range;
  }
}

TEST(HelperConfig, RefusesAFileThatOthersCanChange) {
  std::string directory = "/tmp/agp-helper-config-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/helper.yaml";
  std::ofstream(path) << "language_server: {}\n";
  ::chmod(directory.c_str(), 0777);
  const auto settings = load_settings(path);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, core::Errc::configuration);
  std::remove(path.c_str());
  ::rmdir(directory.c_str());
}

TEST(HelperConfig, TheManualKnowsEveryKeyAndWhatItIsAbout) {
  std::ifstream file(AGP_HELPER_MANUAL);
  ASSERT_TRUE(file);
  std::string manual(std::istreambuf_iterator<char>(file), {});
  manual.erase(std::remove(manual.begin(), manual.end(), '\\'), manual.end());
  const auto rows = settings_rows();
  EXPECT_GE(rows.size(), 6U);
  std::size_t keys = 0;
  for (auto at = manual.find("\n.TP\n.B "); at != std::string::npos;
       at = manual.find("\n.TP\n.B ", at + 1)) {
    ++keys;
  }
  EXPECT_EQ(keys, rows.size()) << "a key that there is not";
  for (const auto& row : rows) {
    const auto at = manual.find("\n.TP\n.B " + row.key + "\n");
    ASSERT_NE(at, std::string::npos) << row.key;
    const auto entry = manual.substr(at, manual.find("\n.", manual.find(".br\n", at) + 4) - at);
    EXPECT_NE(entry.find(row.about), std::string::npos) << row.key;
    EXPECT_NE(entry.find(row.range), std::string::npos) << row.key;
    if (row.type != "list of paths") {  // those of each machine are told in words
      EXPECT_NE(entry.find("default: " + row.fallback), std::string::npos) << row.key;
    }
  }
}

TEST(HelperConfig, AMissingFileMeansTheDefaults) {
  EXPECT_TRUE(load_settings("/nonexistent/helper.yaml"));
}

}  // namespace
}  // namespace agp::helper
