#include "daemon/app/attached_ls.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

namespace fs = std::filesystem;

TEST(AttachedLs, IsWhatTheConfigurationSays) {
  char name[] = "/tmp/agp-attached-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const fs::path directory(name);
  std::ofstream(directory / "token") << "fake-token\n";
  std::ofstream(directory / "cert.pem") << "PEM\n";
  daemon_config::AttachedLs where;
  where.port = 4242;
  where.token_file = directory / "token";
  where.certificate_file = directory / "cert.pem";
  const auto attached = AttachedLs::open(where);
  ASSERT_TRUE(attached);
  const auto endpoint = (*attached)->endpoint();
  EXPECT_EQ(endpoint->port, 4242);
  EXPECT_EQ(endpoint->csrf_token.expose(), "fake-token");
  EXPECT_EQ(endpoint->certificate_pem, "PEM\n");
  EXPECT_EQ(endpoint->instance, AttachedLs::kInstance);

  where.token_file = directory / "nothing";
  const auto failed = AttachedLs::open(where);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().text().find("nothing"), std::string::npos);
  fs::remove_all(directory);
}

}  // namespace
}  // namespace agp::app
