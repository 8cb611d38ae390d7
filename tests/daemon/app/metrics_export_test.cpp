#include "daemon/app/metrics_export.h"

#include "tests/daemon/otlp/support.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace agp::app {
namespace {

TEST(ExportFields, AreLinesOfNameAndValue) {
  const auto fields = parse_fields("Authorization: Bearer a:b \r\n\n  X-Scope: 7");
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 2U);
  EXPECT_EQ((*fields)[0].first, "Authorization");
  EXPECT_EQ((*fields)[0].second.expose(), "Bearer a:b");
  EXPECT_EQ((*fields)[1].second.expose(), "7");
  EXPECT_TRUE(parse_fields("")->empty());
}

TEST(ExportFields, AreRefusedWithoutBeingRepeated) {
  for (const auto* text : {"sesame", "sesame:", ": sesame", "a b: sesame", "X: sesame\x01",
                           "Content-Length: sesame", "HOST: sesame", "transfer-encoding: sesame"}) {
    const auto fields = parse_fields(text);
    ASSERT_FALSE(fields) << text;
    EXPECT_EQ(fields.error().text().find("sesame"), std::string::npos) << text;
  }
}

TEST(InstanceId, IsMadeOnce) {
  const otlp::test::Folder folder;
  const auto id = instance_id(folder.path());
  EXPECT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  EXPECT_EQ(instance_id(folder.path()), id);
  std::ofstream(folder.path() + "/instance-id") << "nonsense\n";
  const auto other = instance_id(folder.path());
  EXPECT_EQ(other.size(), 36U);
  EXPECT_NE(other, id);
}

TEST(InstanceId, IsThereWhereItCannotBeKept) {
  EXPECT_EQ(instance_id("/nonexistent").size(), 36U);
}

/// What is wrong with an export whose file of fields is that one.
std::string problem_of(const std::string& fields, std::filesystem::perms mode) {
  const otlp::test::Folder folder;
  const auto file = folder.path() + "/fields";
  std::ofstream(file) << fields;
  std::filesystem::permissions(file, mode);
  daemon_config::Config config;
  config.telemetry.otlp.endpoint = config::HttpUrl::parse("http://127.0.0.1:1/x");
  config.telemetry.otlp.headers_file = file;
  config.telemetry.otlp.interval = std::chrono::hours(1);
  boost::asio::io_context context;
  MetricsExport::Ports ports;
  ports.executor = ports.blocking = context.get_executor();
  MetricsExport exporting(config, folder.path(), std::move(ports));
  EXPECT_EQ(exporting.counts(), metrics::Exports{});
  exporting.stop();
  const auto status = exporting.status();
  EXPECT_EQ(status.receiver, "http://127.0.0.1:1");
  const auto problem = status.problem.value_or("");
  EXPECT_NE(problem.find(file), std::string::npos) << problem;
  return problem;
}

TEST(MetricsExport, AFileOfFieldsThatCannotBeUsedIsAProblemAndNoExport) {
  using std::filesystem::perms;
  EXPECT_NE(problem_of("X: y\n", perms(0644)).find("others cannot read"), std::string::npos);
  // Not half a credential.
  EXPECT_NE(problem_of("X: " + std::string(8192, 'y'), perms(0600)).find("8192"),
            std::string::npos);
}

}  // namespace
}  // namespace agp::app
