// What the rest of OpenSSL would agree on must still be agreed on. The other end, and every key and
// certificate, lives in a library context of its own, which has all algorithms.
#include "daemon/tls/algorithms.h"

#include "daemon/tls/engine.h"
#include "daemon/tls/leaf_cache.h"
#include "tests/daemon/tls/support.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/provider.h>

namespace agp::tls {
namespace {

Time now() {
  return std::chrono::system_clock::now();
}

using LibraryPtr = std::unique_ptr<OSSL_LIB_CTX, Deleter<OSSL_LIB_CTX_free>>;

OSSL_LIB_CTX* everything() {
  static const LibraryPtr context(OSSL_LIB_CTX_new());
  return context.get();
}

struct Server {
  KeyPtr key;
  CertificatePtr certificate;
  SslCtxPtr context;
};

Server make_server(KeyPtr key, const EVP_MD* digest) {
  Server made;
  made.key = std::move(key);
  made.certificate.reset(X509_new_ex(everything(), nullptr));
  X509* x509 = made.certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -60);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("upstream.test"), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  EXPECT_GT(X509_sign(x509, made.key.get(), digest), 0);
  made.context.reset(SSL_CTX_new_ex(everything(), nullptr, TLS_server_method()));
  EXPECT_EQ(SSL_CTX_use_certificate(made.context.get(), x509), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(made.context.get(), made.key.get()), 1);
  SSL_CTX_set_dh_auto(made.context.get(), 1);
  return made;
}

KeyPtr rsa() {
  return KeyPtr(EVP_PKEY_Q_keygen(everything(), nullptr, "RSA", std::size_t{2048}));
}
KeyPtr ec(const char* curve) {
  return KeyPtr(EVP_PKEY_Q_keygen(everything(), nullptr, "EC", curve));
}
KeyPtr edwards(const char* name) {
  return KeyPtr(EVP_PKEY_Q_keygen(everything(), nullptr, name));
}

/// A client as upstream_context() makes it, which trusts that server alone.
SslCtxPtr client_for(const Server& server, OSSL_LIB_CTX* library) {
  SslCtxPtr client(SSL_CTX_new_ex(library, nullptr, TLS_client_method()));
  SSL_CTX_set_min_proto_version(client.get(), TLS1_2_VERSION);
  SSL_CTX_set_security_level(client.get(), 2);
  SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
  // As upstream's arrives: as octets.
  unsigned char* der = nullptr;
  const int size = i2d_X509(server.certificate.get(), &der);
  const unsigned char* at = der;
  const CertificatePtr decoded(d2i_X509(nullptr, &at, size));
  OPENSSL_free(der);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(client.get()),
                      library == nullptr ? decoded.get() : server.certificate.get());
  return client;
}

/// Octets in both directions, or why not.
std::string exchange(SSL_CTX* client_context, SSL_CTX* server_context) {
  const SslPtr client(SSL_new(client_context));
  const SslPtr server(SSL_new(server_context));
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 0, &b, 0);
  SSL_set_bio(client.get(), a, a);
  SSL_set_bio(server.get(), b, b);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int i = 0; i < 20; ++i) {
    (void)SSL_do_handshake(client.get());
    (void)SSL_do_handshake(server.get());
  }
  char got[5] = {};
  const bool is_done = SSL_is_init_finished(client.get()) == 1 &&
                       SSL_write(client.get(), "ping", 4) == 4 &&
                       SSL_read(server.get(), got, 4) == 4 && std::string(got) == "ping" &&
                       SSL_write(server.get(), "pong", 4) == 4 &&
                       SSL_read(client.get(), got, 4) == 4 && std::string(got) == "pong";
  return is_done ? "" : openssl_error("").context + " .";
}

std::vector<std::string> suites(OSSL_LIB_CTX* library) {
  const SslCtxPtr context(SSL_CTX_new_ex(library, nullptr, TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_security_level(context.get(), 2);
  const SslPtr ssl(SSL_new(context.get()));
  STACK_OF(SSL_CIPHER)* ciphers = SSL_get1_supported_ciphers(ssl.get());
  std::vector<std::string> names;
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    names.emplace_back(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
  }
  sk_SSL_CIPHER_free(ciphers);
  return names;
}

TEST(Algorithms, EverySuiteThatWasOfferedIsOffered) {
  EXPECT_EQ(suites(nullptr), suites(everything()));
  EXPECT_GT(suites(nullptr).size(), 10U);
}

TEST(Algorithms, EverySuiteOfTls12WorksWithItsKindOfKey) {
  const Server with_rsa = make_server(rsa(), EVP_sha256());
  const Server with_ec = make_server(ec("P-256"), EVP_sha256());
  for (const auto& suite : suites(everything())) {
    if (suite.starts_with("TLS_")) {
      continue;
    }
    const Server& server = suite.find("ECDSA") == std::string::npos ? with_rsa : with_ec;
    SSL_CTX_set_max_proto_version(server.context.get(), TLS1_2_VERSION);
    const auto client = client_for(server, nullptr);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client.get(), suite.c_str()), 1) << suite;
    EXPECT_EQ(exchange(client.get(), server.context.get()), "") << suite;
  }
}

TEST(Algorithms, EverySuiteOfTls13Works) {
  const Server server = make_server(ec("P-256"), EVP_sha256());
  for (const auto& suite : suites(everything())) {
    if (suite.starts_with("TLS_")) {
      const auto client = client_for(server, nullptr);
      ASSERT_EQ(SSL_CTX_set_ciphersuites(client.get(), suite.c_str()), 1) << suite;
      EXPECT_EQ(exchange(client.get(), server.context.get()), "") << suite;
    }
  }
}

TEST(Algorithms, EveryKindOfCertificateIsTakenThatWasTaken) {
  struct Kind {
    const char* name;
    Server server;
  };
  std::vector<Kind> kinds;
  for (const EVP_MD* digest : {EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    kinds.push_back({EVP_MD_get0_name(digest), make_server(rsa(), digest)});
  }
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    kinds.push_back({curve, make_server(ec(curve), EVP_sha256())});
  }
  for (const char* name : {"ED25519", "ED448"}) {
    kinds.push_back({name, make_server(edwards(name), nullptr)});
  }
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto& [name, server] : kinds) {
      SSL_CTX_set_max_proto_version(server.context.get(), version);
      const auto before = client_for(server, everything());
      const auto after = client_for(server, nullptr);
      EXPECT_EQ(exchange(before.get(), server.context.get()), "") << name;
      EXPECT_EQ(exchange(after.get(), server.context.get()), "") << name;
    }
  }
}

TEST(Algorithms, EveryGroupWorks) {
  const Server server = make_server(ec("P-256"), EVP_sha256());
  for (const char* group : {"X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048"}) {
    ASSERT_EQ(SSL_CTX_set1_groups_list(server.context.get(), group), 1) << group;
    const auto client = client_for(server, nullptr);
    EXPECT_EQ(exchange(client.get(), server.context.get()), "") << group;
  }
}

TEST(Algorithms, TheIssuerIsMadeStoredAndReadAgainAndItsLeavesAreAccepted) {
  const StateDirectory dir;
  const auto made = Authority::open_or_create(dir.path(), patterns({"api.openai.com"}), now());
  ASSERT_TRUE(made) << made.error().text();
  const auto again = Authority::open_or_create(dir.path(), patterns({"api.openai.com"}), now());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->renewed_because, "");
  EXPECT_EQ(made->authority->fingerprint(), again->authority->fingerprint());

  const auto context = server_context(*again->authority);
  ASSERT_TRUE(context) << context.error().text();
  const auto leaf = mint_leaf(again->authority, "api.openai.com", now());
  ASSERT_TRUE(leaf) << leaf.error().text();
  SSL_CTX_use_certificate(context->get(), (*leaf)->certificate());
  SSL_CTX_use_PrivateKey(context->get(), (*leaf)->key());
  const SslCtxPtr client(SSL_CTX_new_ex(everything(), nullptr, TLS_client_method()));
  SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(client.get()), again->authority->certificate());
  EXPECT_EQ(exchange(client.get(), context->get()), "");
}

TEST(Algorithms, TheSystemsCertificatesAreStillRead) {
  const auto context = upstream_context("");
  ASSERT_TRUE(context) << context.error().text();
  const SslCtxPtr before(SSL_CTX_new_ex(everything(), nullptr, TLS_client_method()));
  ASSERT_EQ(SSL_CTX_set_default_verify_paths(before.get()), 1);
  const auto count = [](SSL_CTX* of) {
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(of)));
  };
  EXPECT_EQ(count(context->get()), count(before.get()));
}

TEST(Algorithms, ASecondCallChangesNothing) {
  EXPECT_TRUE(keep_tls_algorithms());
  EXPECT_EQ(suites(nullptr), suites(everything()));
}

}  // namespace
}  // namespace agp::tls

int main(int argc, char** argv) {
  const auto kept = agp::tls::keep_tls_algorithms();
  if (!kept) {
    return EXIT_FAILURE;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
