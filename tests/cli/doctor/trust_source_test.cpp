#include "cli/doctor/trust_source.h"

#include "helper/core/certificate.h"
#include "tests/helper/core/test_certificate.h"

#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli::doctor {
namespace {

namespace fs = std::filesystem;

class TrustSource : public ::testing::Test {
 protected:
  TrustSource() {
    folder_ = ::mkdtemp(folder_.data());
    paths_ = {folder_ + "/bundle.pem", folder_ + "/system.pem", folder_};
    const core::TrustedCertificate certificate{ours_, 0};
    write(paths_.bundle, core::compose_bundle(std::span(&certificate, 1), ours_ + ours_));
    write(paths_.system_store, ours_ + ours_);
    write(folder_ + "/ca.pem", ours_);
    write(folder_ + "/ca.key", "secret");
  }
  ~TrustSource() override { fs::remove_all(folder_); }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  }

  std::string folder_ = "/tmp/agp-doctor-trust-XXXXXX";
  TrustPaths paths_;
  std::string ours_ = core::make_pem();
};

TEST_F(TrustSource, SeesOurCertificateAndThoseOfTheSystem) {
  fs::permissions(paths_.bundle, static_cast<fs::perms>(0664));
  const auto trust = read_trust(paths_, true);
  EXPECT_TRUE(trust.bundle.is_there);
  EXPECT_EQ(trust.bundle.mode, 0664U);
  EXPECT_EQ(trust.bundle_problem, "");
  EXPECT_EQ(trust.others, 2U);
  EXPECT_EQ(trust.in_system_store, 2U);
  EXPECT_GT(trust.not_after, trust.not_before);
  ASSERT_TRUE(trust.key);
  EXPECT_TRUE(trust.key->is_there);
  EXPECT_EQ(trust.is_bundle_ours, true);
}

TEST_F(TrustSource, AnotherCertificateThanTheServicesIsSeen) {
  write(paths_.bundle, core::make_pem());
  EXPECT_EQ(read_trust(paths_, true).is_bundle_ours, false);
}

TEST_F(TrustSource, GarbageAndAStrangersCertificateAreNamed) {
  write(paths_.bundle, "nothing of use\n");
  EXPECT_NE(read_trust(paths_, true).bundle_problem.find("no certificate"), std::string::npos);
  core::TestCertificate server;
  server.basic_constraints = nullptr;
  write(paths_.bundle, core::make_pem(server));
  EXPECT_NE(read_trust(paths_, true).bundle_problem.find("is not ours"), std::string::npos);
}

TEST_F(TrustSource, WhoIsNotRootDoesNotLookAtTheKey) {
  const auto trust = read_trust(paths_, false);
  EXPECT_FALSE(trust.key);
  EXPECT_FALSE(trust.is_bundle_ours);
}

TEST_F(TrustSource, WhatIsMissingIsNotThere) {
  fs::remove(paths_.bundle);
  fs::remove(paths_.system_store);
  const auto trust = read_trust(paths_, true);
  EXPECT_FALSE(trust.bundle.is_there);
  EXPECT_EQ(trust.in_system_store, 0U);
}

}  // namespace
}  // namespace agp::cli::doctor
