#include "helper/core/certificate.h"

#include "helper/core/errc.h"
#include "tests/helper/core/test_certificate.h"

#include <ctime>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

std::int64_t now() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

void expect_refused(const std::string& pem, const char* why) {
  const auto result = check_certificate(pem, now());
  ASSERT_FALSE(result) << why;
  EXPECT_EQ(result.error().code, Errc::certificate) << why;
  EXPECT_NE(result.error().context.find(why), std::string::npos) << result.error().context;
}

TEST(Certificate, AcceptsTheDaemonsOwnKind) {
  const auto pem = make_pem();
  const auto result = check_certificate(pem, now());
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->pem, pem);
  EXPECT_GT(result->not_after, now());
}

// threat-model 50
TEST(Certificate, RefusesAnythingButOneBlock) {
  const auto pem = make_pem();
  expect_refused(pem + pem, "before or after");
  expect_refused("x" + pem, "before or after");
  expect_refused(pem + "# comment", "before or after");
  expect_refused("", "not one PEM block");
  expect_refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "decoded");
  expect_refused(std::string(kMaxCertificateBytes + 1, ' '), "larger");
}

// threat-model 50
TEST(Certificate, RefusesEveryCutOfItself) {
  const auto pem = make_pem();
  for (std::size_t cut = 0; cut + 1 < pem.size(); ++cut) {
    EXPECT_FALSE(check_certificate(pem.substr(0, cut), now())) << cut;
  }
}

// threat-model 46
// threat-model 50
TEST(Certificate, RefusesAPrivateKey) {
  expect_refused(make_pem() + "-----BEGIN EC PRIVATE KEY-----\n", "private key");
}

// threat-model 50
TEST(Certificate, RefusesWhatIsNotALimitedCa) {
  TestCertificate wanted;
  wanted.basic_constraints = "critical,CA:FALSE";
  expect_refused(make_pem(wanted), "not a CA");
  wanted = {};
  wanted.basic_constraints = "CA:TRUE";
  expect_refused(make_pem(wanted), "not a CA");
  wanted = {};
  wanted.basic_constraints = nullptr;
  wanted.key_usage = nullptr;
  expect_refused(make_pem(wanted), "not a CA");
  wanted = {};
  wanted.name_constraints = nullptr;
  expect_refused(make_pem(wanted), "nameConstraints");
  wanted.name_constraints = "permitted;DNS:a.example";
  expect_refused(make_pem(wanted), "nameConstraints");
  wanted.name_constraints = "critical,excluded;DNS:a.example";
  expect_refused(make_pem(wanted), "nameConstraints");
  wanted = {};
  wanted.key_usage = "critical,digitalSignature";
  EXPECT_FALSE(check_certificate(make_pem(wanted), now()));
}

// threat-model 50
TEST(Certificate, RefusesOtherKeys) {
  TestCertificate wanted;
  wanted.group = "";
  expect_refused(make_pem(wanted), "P-256");
  wanted.group = "secp384r1";
  expect_refused(make_pem(wanted), "P-256");
}

// threat-model 50
TEST(Certificate, RefusesDatesThatAreNotNow) {
  TestCertificate wanted;
  wanted.until = -10;
  expect_refused(make_pem(wanted), "expired");
  wanted = {};
  wanted.from = 3600;
  expect_refused(make_pem(wanted), "not valid yet");
  wanted = {};
  wanted.until = 500L * 24 * 3600;
  expect_refused(make_pem(wanted), "400 days");
}

// threat-model 50
TEST(Certificates, AreOneOrTwoAndNothingElse) {
  const auto first = make_pem();
  const auto second = make_pem();
  const auto one = check_certificates(first, now());
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_EQ(one->size(), 1U);
  const auto two = check_certificates(first + "\n" + second, now());
  ASSERT_TRUE(two) << two.error().text();
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->front().pem, first);
  EXPECT_EQ(two->back().pem, second);

  TestCertificate expired;
  expired.until = -3600;
  for (const auto& wrong :
       {std::string(), first + second + first, first + "# comment", "x" + first + second,
        first + "x" + second, first + make_pem(expired), std::string(8193, ' '),
        first + "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"}) {
    const auto refused = check_certificates(wrong, now());
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Errc::certificate);
  }
}

TEST(Bundle, HasBothWhileTheAuthorityIsReplaced) {
  const auto ours = check_certificates(make_pem() + make_pem(), now());
  ASSERT_TRUE(ours);
  const auto bundle = compose_bundle(*ours, "SYSTEM\n");
  EXPECT_NE(bundle.find((*ours)[1].pem + "SYSTEM\n"), std::string::npos);
  const auto found = certificate_of_bundle(bundle, now());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->pem, ours->front().pem);
}

TEST(Bundle, HasOursAndTheSystems) {
  const auto ours = check_certificate(make_pem(), now());
  ASSERT_TRUE(ours);
  const auto bundle = compose_bundle(std::span(&*ours, 1), "SYSTEM\n");
  EXPECT_TRUE(bundle.ends_with("SYSTEM\n"));
  const auto found = certificate_of_bundle(bundle, now());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->pem, ours->pem);
  EXPECT_FALSE(certificate_of_bundle("SYSTEM\n", now()));
  EXPECT_FALSE(certificate_of_bundle("", now()));
}

TEST(Sha256, IsTheKnownOne) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace agp::core
