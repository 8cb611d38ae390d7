#include "daemon/tls/ca.h"

#include "daemon/tls/certificate.h"
#include "daemon/tls/names.h"
#include "tests/daemon/tls/support.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace agp::tls {
namespace {

using namespace std::chrono_literals;

const Time kNow = std::chrono::system_clock::from_time_t(1'800'000'000);
const std::vector<std::string> kHosts = {"api.openai.com", "*-aiplatform.googleapis.com"};

Authority::Opened open(const StateDirectory& dir,
                       Time now = kNow,
                       std::vector<std::string> hosts = kHosts) {
  auto opened = Authority::open_or_create(dir.path(), patterns(hosts), now);
  EXPECT_TRUE(opened) << opened.error().text();
  return opened ? *opened : Authority::Opened{};
}

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

mode_t mode_of(const std::string& path) {
  struct stat st {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
  return st.st_mode & 07777U;
}

TEST(PermittedDomains, MapPatternsToWholeLabels) {
  EXPECT_EQ(permitted_domains(patterns({"api.openai.com", "*.example.com"})),
            (std::vector<std::string>{"api.openai.com", "example.com"}));
  EXPECT_EQ(permitted_domains(patterns({"*-aiplatform.googleapis.com"})),
            (std::vector<std::string>{"googleapis.com"}));
}

TEST(PermittedDomains, DropWhatAnotherOneCovers) {
  EXPECT_EQ(
      permitted_domains(patterns({"a.googleapis.com", "*.googleapis.com", "xgoogleapis.com"})),
      (std::vector<std::string>{"googleapis.com", "xgoogleapis.com"}));
}

TEST(PermittedDomains, AreNeverEmpty) {
  EXPECT_EQ(permitted_domains({}), std::vector<std::string>{"invalid"});
  EXPECT_EQ(permitted_domains(patterns({"autopush-*"})), std::vector<std::string>{"invalid"});
}

TEST(Authority, IsMadeOnceAndThenKept) {
  const StateDirectory dir;
  const auto first = open(dir);
  EXPECT_EQ(first.renewed_because, "there was none");
  const auto second = open(dir, kNow + 24h * 100);
  EXPECT_EQ(second.renewed_because, "");
  EXPECT_EQ(first.authority->pem(), second.authority->pem());
  EXPECT_EQ(first.authority->fingerprint(), second.authority->fingerprint());
  EXPECT_EQ(first.authority->fingerprint().size(), 64U);
}

// threat-model 46
TEST(Authority, FilesAreForTheOwnerOnly) {
  const StateDirectory dir;
  const auto opened = open(dir);
  EXPECT_EQ(mode_of(dir.path() + "/ca"), 0700U);
  EXPECT_EQ(mode_of(dir.path() + "/ca/ca.key"), 0600U);
  EXPECT_EQ(read(dir.path() + "/ca/ca.pem"), opened.authority->pem());
  EXPECT_EQ(opened.authority->pem().find("PRIVATE"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/ca/ca.key.new"));
}

// threat-model 48
TEST(Authority, CertificateHasWhatStrictVerifiersAskFor) {
  const StateDirectory dir;
  const auto opened = open(dir);
  X509* x509 = opened.authority->certificate();
  EXPECT_EQ(X509_check_ca(x509), 1);
  EXPECT_EQ(X509_get_pathlen(x509), 0);
  EXPECT_EQ(X509_get_key_usage(x509), static_cast<std::uint32_t>(KU_KEY_CERT_SIGN));
  EXPECT_EQ(X509_get_extended_key_usage(x509), static_cast<std::uint32_t>(XKU_SSL_SERVER));
  EXPECT_NE(X509_get0_subject_key_id(x509), nullptr);
  for (const int nid : {NID_basic_constraints, NID_key_usage, NID_name_constraints}) {
    const int at = X509_get_ext_by_NID(x509, nid, -1);
    ASSERT_GE(at, 0) << nid;
    EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(x509, at)), 1) << nid;
  }
  const auto* serial = X509_get0_serialNumber(x509);
  EXPECT_EQ(ASN1_STRING_length(serial), 16);
  const auto life = *to_time(X509_get0_notAfter(x509)) - *to_time(X509_get0_notBefore(x509));
  EXPECT_LE(life, 24h * 365);
}

TEST(Authority, BasicConstraintsAreStrictDer) {
  const StateDirectory dir;
  const auto opened = open(dir);
  X509* x509 = opened.authority->certificate();
  const auto* data = X509_EXTENSION_get_data(
      X509_get_ext(x509, X509_get_ext_by_NID(x509, NID_basic_constraints, -1)));
  const std::string der(reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
                        static_cast<std::size_t>(ASN1_STRING_length(data)));
  EXPECT_EQ(der, std::string("\x30\x06\x01\x01\xff\x02\x01\x00", 8));
}

// threat-model 47
TEST(Authority, TwoMachinesShareNothing) {
  const StateDirectory a;
  const StateDirectory b;
  const auto one = open(a);
  const auto two = open(b);
  EXPECT_NE(X509_NAME_cmp(X509_get_subject_name(one.authority->certificate()),
                          X509_get_subject_name(two.authority->certificate())),
            0);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(one.authority->certificate()),
                             X509_get0_serialNumber(two.authority->certificate())),
            0);
  EXPECT_NE(EVP_PKEY_eq(one.authority->key(), two.authority->key()), 1);
}

// threat-model 51
// threat-model 84
TEST(Authority, IsRenewedAtTwoThirdsOfItsLife) {
  const StateDirectory dir;
  const auto renew_at = open(dir).authority->renew_at();
  EXPECT_EQ(open(dir, renew_at - 1s).renewed_because, "");
  EXPECT_EQ(open(dir, renew_at).renewed_because, "two thirds of its life are over");
  EXPECT_EQ(open(dir, renew_at + 1s).renewed_because, "");
}

// threat-model 84
TEST(Authority, AnExpiredOneDoesNotStopTheService) {
  const StateDirectory dir;
  open(dir);
  const auto later = open(dir, kNow + 24h * 400);
  EXPECT_EQ(later.renewed_because, "it expired");
  EXPECT_GT(later.authority->not_after(), kNow + 24h * 400);
}

// threat-model 84
TEST(Authority, AClockSetBackMakesANewOne) {
  const StateDirectory dir;
  open(dir);
  EXPECT_EQ(open(dir, kNow - 2h).renewed_because,
            "it is not valid yet; the clock may have been set back");
}

// threat-model 51
TEST(Authority, IsRenewedWhenTheHostsChange) {
  const StateDirectory dir;
  const auto first = open(dir);
  EXPECT_EQ(open(dir, kNow, {"*-aiplatform.googleapis.com", "api.openai.com"}).renewed_because, "")
      << "the order of the list means nothing";
  EXPECT_EQ(open(dir, kNow, {"api.openai.com"}).renewed_because,
            "the list of inspected hosts changed");
}

TEST(Authority, DamageOfAnyKindIsRepairedAndNamed) {
  const auto pem = "/ca/ca.pem";
  const auto key = "/ca/ca.key";
  struct Case {
    std::string file;
    std::string content;
    std::string reason;
  };
  const StateDirectory other;
  open(other);
  const std::vector<Case> cases = {
      {pem, "", "ca.pem is damaged"},
      {key, "", "ca.key is damaged"},
      {pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ca.pem is damaged"},
      {key, std::string(100'000, 'x'), "ca.key is damaged"},
      {key, read(other.path() + key), "key and certificate do not belong together"},
      {pem, read(other.path() + pem), "key and certificate do not belong together"},
  };
  for (const auto& one : cases) {
    const StateDirectory dir;
    open(dir);
    std::ofstream(dir.path() + one.file) << one.content;
    EXPECT_EQ(open(dir).renewed_because, one.reason);
    EXPECT_EQ(open(dir).renewed_because, "") << "repaired";
  }
}

// threat-model 42
TEST(Authority, EveryTruncationOfEitherFileIsRepaired) {
  for (const auto* file : {"/ca/ca.pem", "/ca/ca.key"}) {
    const StateDirectory dir;
    open(dir);
    const auto whole = read(dir.path() + file);
    for (std::size_t size = 0; size + 2 < whole.size(); size += 37) {
      std::ofstream(dir.path() + file, std::ios::trunc) << whole.substr(0, size);
      EXPECT_NE(open(dir).renewed_because, "") << file << ' ' << size;
    }
  }
}

TEST(Authority, AMissingHalfIsRepaired) {
  const StateDirectory dir;
  open(dir);
  std::filesystem::remove(dir.path() + "/ca/ca.key");
  EXPECT_EQ(open(dir).renewed_because, "ca.key: No such file or directory");
  std::filesystem::remove(dir.path() + "/ca/ca.pem");
  EXPECT_EQ(open(dir).renewed_because, "ca.pem: No such file or directory");
}

// threat-model 46
TEST(Authority, AKeyThatOthersCouldReadIsThrownAway) {
  const StateDirectory dir;
  open(dir);
  std::filesystem::permissions(dir.path() + "/ca/ca.key", std::filesystem::perms(0640));
  EXPECT_EQ(open(dir).renewed_because, "ca.key could be read by others: Operation not permitted");
  EXPECT_EQ(mode_of(dir.path() + "/ca/ca.key"), 0600U);
}

// threat-model 41
TEST(Authority, DoesNotFollowLinks) {
  const StateDirectory dir;
  const StateDirectory other;
  open(other);
  const auto before = read(other.path() + "/ca/ca.key");
  std::filesystem::create_directory(dir.path() + "/ca");
  std::filesystem::create_symlink(other.path() + "/ca/ca.key", dir.path() + "/ca/ca.key");
  std::filesystem::create_symlink(other.path() + "/ca/ca.key", dir.path() + "/ca/ca.key.new");
  EXPECT_NE(open(dir).renewed_because, "");
  EXPECT_EQ(read(other.path() + "/ca/ca.key"), before);
  const StateDirectory linked;
  std::filesystem::create_directory_symlink(other.path() + "/ca", linked.path() + "/ca");
  EXPECT_FALSE(Authority::open_or_create(linked.path(), patterns(kHosts), kNow));
}

// threat-model 42
TEST(Authority, LeftoversOfACrashAreOverwritten) {
  const StateDirectory dir;
  std::filesystem::create_directory(dir.path() + "/ca");
  std::ofstream(dir.path() + "/ca/ca.key.new") << "half";
  EXPECT_EQ(open(dir).renewed_because, "there was none");
  EXPECT_EQ(open(dir).renewed_because, "");
}

// threat-model 40
TEST(Authority, AnUnusableDirectoryIsAnError) {
  EXPECT_FALSE(Authority::open_or_create("/proc/nothing/here", patterns(kHosts), kNow));
}

// threat-model 48
TEST(Authority, CoversTheListAndNothingElse) {
  const StateDirectory dir;
  const auto opened = open(dir);
  EXPECT_TRUE(opened.authority->covers("api.openai.com"));
  EXPECT_TRUE(opened.authority->covers("us-aiplatform.googleapis.com"));
  EXPECT_FALSE(opened.authority->covers("oauth2.googleapis.com"));
  EXPECT_FALSE(opened.authority->covers("x.api.openai.com"));
}

// The one that follows.

std::shared_ptr<const Authority> make_next(const StateDirectory& dir) {
  auto made = Authority::create_next(dir.path(), patterns(kHosts), kNow);
  EXPECT_TRUE(made) << made.error().text();
  return made ? *made : nullptr;
}

TEST(NextAuthority, IsBesideTheOneInUseUntilItIsAdopted) {
  const StateDirectory dir;
  const auto before = open(dir).authority;
  const auto next = make_next(dir);
  EXPECT_NE(next->fingerprint(), before->fingerprint());
  EXPECT_EQ(read(dir.path() + "/ca/ca.pem"), before->pem());
  EXPECT_EQ(mode_of(dir.path() + "/ca/next.key"), 0600U);
  ASSERT_TRUE(Authority::adopt_next(dir.path()));
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/ca/next.key"));
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/ca/next.pem"));
  const auto after = open(dir);
  EXPECT_EQ(after.authority->fingerprint(), next->fingerprint());
  EXPECT_EQ(after.renewed_because, "");
}

TEST(NextAuthority, WhatACrashLeftHalfWrittenIsRemoved) {
  const StateDirectory dir;
  const auto before = open(dir).authority;
  for (const char* name : {"ca.key", "ca.pem", "next.key", "next.pem"}) {
    std::ofstream(dir.path() + "/ca/" + name + ".new") << "half";
  }
  EXPECT_EQ(open(dir).authority->fingerprint(), before->fingerprint());
  for (const char* name : {"ca.key", "ca.pem", "next.key", "next.pem"}) {
    EXPECT_FALSE(std::filesystem::exists(dir.path() + "/ca/" + name + ".new")) << name;
  }
}

TEST(NextAuthority, WhatACrashInterruptsIsFinishedOrForgotten) {
  // As far as it got: the files of the next one, and which authority is used then.
  struct Case {
    bool has_key;
    bool has_certificate;
    bool is_adopted;
  };
  for (const auto& [has_key, has_certificate, is_adopted] :
       {Case{true, false, false}, Case{true, true, true}, Case{false, true, true}}) {
    const StateDirectory dir;
    const auto before = open(dir).authority;
    const auto next = make_next(dir);
    const auto ca = dir.path() + "/ca/";
    if (!has_certificate) {
      std::filesystem::remove(ca + "next.pem");
    }
    if (!has_key) {
      std::filesystem::rename(ca + "next.key", ca + "ca.key");
    }
    const auto after = open(dir);
    EXPECT_EQ(after.authority->fingerprint(),
              is_adopted ? next->fingerprint() : before->fingerprint());
    EXPECT_EQ(after.renewed_because.empty(), !is_adopted);
    EXPECT_FALSE(std::filesystem::exists(ca + "next.key"));
    EXPECT_FALSE(std::filesystem::exists(ca + "next.pem"));
  }
}

TEST(NextAuthority, OneThatIsDiscardedIsGone) {
  const StateDirectory dir;
  const auto before = open(dir).authority;
  (void)make_next(dir);
  Authority::discard_next(dir.path());
  EXPECT_EQ(open(dir).authority->fingerprint(), before->fingerprint());
}

TEST(NextAuthority, AdoptingNoneChangesNothing) {
  const StateDirectory dir;
  const auto before = open(dir).authority;
  EXPECT_TRUE(Authority::adopt_next(dir.path()));
  EXPECT_EQ(open(dir).authority->fingerprint(), before->fingerprint());
}

TEST(Authority, SaysWhoItIsAndWhatItSignsFor) {
  const StateDirectory dir;
  const auto authority = open(dir).authority;
  EXPECT_TRUE(authority->subject().starts_with("O=antigravity-proxy, CN=antigravity-proxy local "))
      << authority->subject();
  EXPECT_EQ(authority->permitted(), (std::vector<std::string>{"api.openai.com", "googleapis.com"}));
  EXPECT_EQ(authority->not_before(), kNow - 1h);
}

}  // namespace
}  // namespace agp::tls
