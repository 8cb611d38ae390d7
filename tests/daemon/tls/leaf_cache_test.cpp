#include "daemon/tls/leaf_cache.h"

#include "daemon/tls/certificate.h"
#include "daemon/tls/engine.h"
#include "tests/daemon/tls/support.h"
#include "tests/support/heap.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kHosts = {"api.openai.com", "*-aiplatform.googleapis.com",
                                         "*.example.com"};

class LeafCacheTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new StateDirectory();
    auto opened = Authority::open_or_create(directory_->path(), patterns(kHosts), now());
    ASSERT_TRUE(opened) << opened.error().text();
    authority_ = new std::shared_ptr<const Authority>(opened->authority);
  }
  static void TearDownTestSuite() {
    delete authority_;
    delete directory_;
  }

  // Real time: Go's and OpenSSL's handshakes judge by the system clock.
  static Time now() {
    static const Time start =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return start;
  }
  static const std::shared_ptr<const Authority>& authority() { return *authority_; }

  static StateDirectory* directory_;
  static std::shared_ptr<const Authority>* authority_;
};

StateDirectory* LeafCacheTest::directory_ = nullptr;
std::shared_ptr<const Authority>* LeafCacheTest::authority_ = nullptr;

using StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

/// X509_V_OK or the reason why OpenSSL, in its strict mode, refuses `leaf` for `host`.
int verify(X509* issuer,
           X509* leaf,
           const std::string& host,
           Time at,
           STACK_OF(X509) * between = nullptr) {
  const StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), issuer);
  const StoreCtxPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf, between);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, std::chrono::system_clock::to_time_t(at));
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
  (void)X509_verify_cert(context.get());  // the error says the same
  return X509_STORE_CTX_get_error(context.get());
}

/// A certificate that our issuer's key signed although our code would not: what an attacker with
/// the key could make.
CertificatePtr forge(
    const Authority& issuer, EVP_PKEY* key, const std::string& names, bool is_issuer, Time now) {
  auto certificate = make_certificate(key, now - 1h, now + 1h);
  X509* x509 = certificate->get();
  (void)add_name_entry(X509_get_subject_name(x509), "CN", is_issuer ? "sub" : "forged");
  X509_set_issuer_name(x509, X509_get_subject_name(issuer.certificate()));
  (void)add_basic_constraints(x509, is_issuer);
  (void)add_key_usage(x509, is_issuer ? 5 : 0);
  (void)add_subject_key_id(x509);
  (void)add_authority_key_id(x509, issuer.certificate());
  if (!names.empty()) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(x509, issuer.key(), EVP_sha256());
  return std::move(*certificate);
}

// threat-model 48
TEST_F(LeafCacheTest, OpenSslAcceptsTheLeafForItsHostOnly) {
  const auto leaf = mint_leaf(authority(), "api.openai.com", now());
  ASSERT_TRUE(leaf) << leaf.error().text();
  X509* issuer = authority()->certificate();
  EXPECT_EQ(verify(issuer, (*leaf)->certificate(), "api.openai.com", now()), X509_V_OK);
  EXPECT_EQ(verify(issuer, (*leaf)->certificate(), "openai.com", now()),
            X509_V_ERR_HOSTNAME_MISMATCH);
  EXPECT_EQ(verify(issuer, (*leaf)->certificate(), "x.api.openai.com", now()),
            X509_V_ERR_HOSTNAME_MISMATCH);
  EXPECT_EQ(verify(issuer, (*leaf)->certificate(), "api.openai.com", now() + 25h),
            X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST_F(LeafCacheTest, OpenSslAcceptsLeavesForPatterns) {
  for (const auto* host : {"europe-west1-aiplatform.googleapis.com", "a.b.example.com"}) {
    const auto leaf = mint_leaf(authority(), host, now());
    ASSERT_TRUE(leaf) << leaf.error().text();
    EXPECT_EQ(verify(authority()->certificate(), (*leaf)->certificate(), host, now()), X509_V_OK);
  }
}

// threat-model 48
TEST_F(LeafCacheTest, TheIssuersKeyIsWorthNothingElsewhere) {
  const auto key = make_p256_key();
  X509* issuer = authority()->certificate();
  const auto other = forge(*authority(), key->get(), "DNS:accounts.google.com", false, now());
  EXPECT_EQ(verify(issuer, other.get(), "accounts.google.com", now()),
            X509_V_ERR_PERMITTED_VIOLATION);
  const auto v4 = forge(*authority(), key->get(), "DNS:api.openai.com,IP:127.0.0.1", false, now());
  EXPECT_EQ(verify(issuer, v4.get(), "api.openai.com", now()), X509_V_ERR_EXCLUDED_VIOLATION);
  const auto v6 = forge(*authority(), key->get(), "DNS:api.openai.com,IP:::1", false, now());
  EXPECT_EQ(verify(issuer, v6.get(), "api.openai.com", now()), X509_V_ERR_EXCLUDED_VIOLATION);
}

// threat-model 48
TEST_F(LeafCacheTest, ASubordinateIssuerIsRefused) {
  const auto sub_key = make_p256_key();
  const auto sub = forge(*authority(), sub_key->get(), {}, true, now());
  const auto key = make_p256_key();
  auto leaf = make_certificate(key->get(), now() - 1h, now() + 1h);
  X509* x509 = leaf->get();
  X509_set_issuer_name(x509, X509_get_subject_name(sub.get()));
  ASSERT_TRUE(add_subject_key_id(x509) && add_authority_key_id(x509, sub.get()));
  auto* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "critical,DNS:api.openai.com");
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(x509, sub_key->get(), EVP_sha256());
  STACK_OF(X509)* between = sk_X509_new_null();
  sk_X509_push(between, sub.get());
  EXPECT_EQ(verify(authority()->certificate(), x509, "api.openai.com", now(), between),
            X509_V_ERR_PATH_LENGTH_EXCEEDED);
  sk_X509_free(between);
}

// threat-model 54
TEST_F(LeafCacheTest, LeafHasExactlyOneName) {
  const auto leaf = mint_leaf(authority(), "api.openai.com", now());
  X509* x509 = (*leaf)->certificate();
  const GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
  ASSERT_EQ(sk_GENERAL_NAME_num(names.get()), 1);
  const auto* name = sk_GENERAL_NAME_value(names.get(), 0);
  ASSERT_EQ(name->type, GEN_DNS);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                        static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))),
            "api.openai.com");
  EXPECT_EQ(X509_check_ca(x509), 0);
  EXPECT_EQ(X509_get_extended_key_usage(x509), static_cast<std::uint32_t>(XKU_SSL_SERVER));
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x509),
                                  X509_get0_subject_key_id(authority()->certificate())),
            0);
}

TEST_F(LeafCacheTest, LeafLivesADayAtMostAndStartsAnHourAgo) {
  const auto leaf = mint_leaf(authority(), "api.openai.com", now());
  const auto from = *to_time(X509_get0_notBefore((*leaf)->certificate()));
  const auto to = *to_time(X509_get0_notAfter((*leaf)->certificate()));
  EXPECT_EQ(from, now() - 1h);
  EXPECT_LE(to - from, 24h);
  EXPECT_EQ(to, (*leaf)->not_after());
}

TEST_F(LeafCacheTest, LeafNeverOutlivesItsIssuer) {
  const auto late = authority()->not_after() - 2h;
  const auto leaf = mint_leaf(authority(), "api.openai.com", late);
  ASSERT_TRUE(leaf);
  EXPECT_EQ((*leaf)->not_after(), authority()->not_after());
}

// threat-model 54
TEST_F(LeafCacheTest, HostsOffTheListGetNoLeaf) {
  LeafCache cache(authority());
  for (const auto* host :
       {"accounts.google.com", "oauth2.googleapis.com", "", "x.api.openai.com"}) {
    const auto leaf = cache.get(host, now());
    ASSERT_FALSE(leaf) << host;
    EXPECT_EQ(leaf.error().code, Errc::name_not_covered);
  }
  EXPECT_EQ(cache.size(), 0U);
}

TEST_F(LeafCacheTest, AHostIsMintedOnceUntilHalfOfItsLife) {
  LeafCache cache(authority());
  const auto first = *cache.get("api.openai.com", now());
  EXPECT_EQ(*cache.get("api.openai.com", first->renew_at() - 1s), first);
  const auto second = *cache.get("api.openai.com", first->renew_at());
  EXPECT_NE(second, first);
  EXPECT_EQ(cache.size(), 1U);
}

// threat-model 84
TEST_F(LeafCacheTest, AClockSetBackMintsAgain) {
  LeafCache cache(authority());
  const auto first = *cache.get("api.openai.com", now() + 10h);
  const auto second = *cache.get("api.openai.com", now());
  EXPECT_NE(first, second);
  EXPECT_EQ(verify(authority()->certificate(), second->certificate(), "api.openai.com", now()),
            X509_V_OK);
}

// threat-model 60
TEST_F(LeafCacheTest, TheLeastRecentlyUsedGoesFirst) {
  LeafCache cache(authority(), 2);
  const auto a = *cache.get("a.example.com", now());
  const auto b = *cache.get("b.example.com", now());
  EXPECT_EQ(*cache.get("a.example.com", now()), a);
  (void)*cache.get("c.example.com", now());  // b goes
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(*cache.get("a.example.com", now()), a);
  EXPECT_NE(*cache.get("b.example.com", now()), b);
}

// threat-model 60
TEST_F(LeafCacheTest, AHundredThousandNamesTakeNoMoreThanItsCapacity) {
  LeafCache cache(authority(), 16);
  // Names that strangers make up: the list covers few of them.
  const auto ask = [&cache](int first, int last) {
    for (int i = first; i < last; ++i) {
      const auto name = "name" + std::to_string(i);
      EXPECT_FALSE(cache.get(name + ".evil.example", now()));
      if (i % 500 == 0) {
        EXPECT_TRUE(cache.get(name + ".example.com", now()));
      }
    }
  };
  ask(0, 10'000);
  test::HeapGrowth growth;
  ask(10'000, 100'000);
  growth.look();
  EXPECT_EQ(cache.size(), 16U);
  EXPECT_LT(growth.most(), 64U * 1024);
}

// threat-model 51
TEST_F(LeafCacheTest, ANewIssuerEmptiesTheCache) {
  const StateDirectory other;
  const auto opened = Authority::open_or_create(other.path(), patterns(kHosts), now());
  LeafCache cache(authority());
  (void)*cache.get("api.openai.com", now());
  cache.replace_authority(opened->authority);
  EXPECT_EQ(cache.size(), 0U);
  const auto leaf = *cache.get("api.openai.com", now());
  EXPECT_EQ(verify(opened->authority->certificate(), leaf->certificate(), "api.openai.com", now()),
            X509_V_OK);
}

TEST_F(LeafCacheTest, ChainIsTheLeafAndThenTheIssuer) {
  const auto leaf = *mint_leaf(authority(), "api.openai.com", now());
  EXPECT_TRUE(leaf->chain_pem()->ends_with(authority()->pem()));
  EXPECT_EQ(leaf->chain_der()->size(), 2U);
}

/// Runs a handshake over memory and answers the client's verification result; -1 when it failed.
long handshake(SSL_CTX* server_ctx, X509* trusted, const char* host, int client_max_version) {
  const SslCtxPtr client_ctx(SSL_CTX_new(TLS_client_method()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(client_ctx.get()), trusted);
  SSL_CTX_set_verify(client_ctx.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(client_ctx.get(), 0);
  SSL_CTX_set_max_proto_version(client_ctx.get(), client_max_version);
  SSL_CTX_set_security_level(client_ctx.get(), 0);
  const SslPtr client(SSL_new(client_ctx.get()));
  const SslPtr server(SSL_new(server_ctx));
  BIO* a = nullptr;
  BIO* b = nullptr;
  BIO_new_bio_pair(&a, 0, &b, 0);
  SSL_set_bio(client.get(), a, a);
  SSL_set_bio(server.get(), b, b);
  SSL_set1_host(client.get(), host);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  for (int i = 0; i < 20; ++i) {
    const int c = SSL_do_handshake(client.get());
    const int s = SSL_do_handshake(server.get());
    if (c == 1 && s == 1) {
      return SSL_get_verify_result(client.get());
    }
  }
  clear_openssl_errors();
  return -1;
}

/// A server context that presents one leaf alone.
Result<SslCtxPtr> context_of(const Leaf& leaf) {
  auto context = server_context(leaf.authority());
  if (context) {
    SSL_CTX_use_certificate(context->get(), leaf.certificate());
    SSL_CTX_use_PrivateKey(context->get(), leaf.key());
  }
  return context;
}

TEST_F(LeafCacheTest, ServerContextCompletesHandshakes) {
  const auto leaf = *mint_leaf(authority(), "api.openai.com", now());
  const auto context = context_of(*leaf);
  ASSERT_TRUE(context) << context.error().text();
  X509* trusted = authority()->certificate();
  EXPECT_EQ(handshake(context->get(), trusted, "api.openai.com", TLS1_3_VERSION), X509_V_OK);
  EXPECT_EQ(handshake(context->get(), trusted, "api.openai.com", TLS1_2_VERSION), X509_V_OK);
  EXPECT_EQ(handshake(context->get(), trusted, "api.openai.com", TLS1_1_VERSION), -1);
  EXPECT_EQ(handshake(context->get(), trusted, "other.example.com", TLS1_3_VERSION), -1);
}

/// What a connection for `host` presents, with a context of its own.
Identity identity(const std::shared_ptr<const Authority>& authority, std::string_view host) {
  std::shared_ptr<SSL_CTX> context(std::move(*server_context(*authority)));
  enable_alpn_selection(context.get());
  return {std::move(context), *mint_leaf(authority, host, std::chrono::system_clock::now())};
}

// A client of one program, which keeps its sessions, and our server contexts.
struct Resumer {
  std::shared_ptr<SSL_CTX> client{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};

  Resumer(X509* trusted, int version) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client.get()), trusted);
    SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_proto_version(client.get(), version);
    enable_session_collection(client.get());
  }

  // One connection; `session` is offered, and replaced by what the server gave.
  [[nodiscard]] bool is_resumed(const Identity& server_side,
                                const char* host,
                                SessionPtr& session) const {
    auto dialling = Engine::client(client.get(), host, {"h2"}, session.get());
    auto answering = Engine::server(server_side, "h2");
    Buffer got;
    (void)dialling->handshake();
    for (int round = 0; round < 6; ++round) {
      EXPECT_TRUE(answering->feed(dialling->take_output(), got));
      EXPECT_TRUE(dialling->feed(answering->take_output(), got));
    }
    EXPECT_TRUE(dialling->is_ready() && answering->is_ready());
    EXPECT_EQ(dialling->alpn(), "h2");
    if (auto offered = dialling->take_session()) {
      session = std::move(offered);
      EXPECT_EQ(SSL_SESSION_get_max_early_data(session.get()), 0U);
    }
    return dialling->was_resumed();
  }
};

TEST_F(LeafCacheTest, AClientResumesItsNameUnderEveryWorkerAndNoOther) {
  // Two names that agree in more octets than a session's scope may have.
  const std::string host =
      "a-name-of-a-region-so-long-that-it-exceeds-32-aiplatform.googleapis.com";
  const std::string other =
      "b-name-of-a-region-so-long-that-it-exceeds-32-aiplatform.googleapis.com";
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Identity one = identity(authority(), host);
    const Identity two = identity(authority(), host);
    const Identity stranger = {one.context, *mint_leaf(authority(), other, now())};
    const Resumer resumer(authority()->certificate(), version);
    SessionPtr session;
    EXPECT_FALSE(resumer.is_resumed(one, host.c_str(), session));
    ASSERT_TRUE(session);
    EXPECT_TRUE(resumer.is_resumed(one, host.c_str(), session)) << version;
    EXPECT_TRUE(resumer.is_resumed(two, host.c_str(), session)) << version;
    EXPECT_FALSE(resumer.is_resumed(stranger, other.c_str(), session)) << version;
  }
}

TEST_F(LeafCacheTest, Tls12ClientsWithoutTicketsResumeBySessionId) {
  const Identity ours = identity(authority(), "api.openai.com");
  const Resumer resumer(authority()->certificate(), TLS1_2_VERSION);
  SSL_CTX_set_options(resumer.client.get(), SSL_OP_NO_TICKET);
  SessionPtr session;
  EXPECT_FALSE(resumer.is_resumed(ours, "api.openai.com", session));
  ASSERT_TRUE(session);
  EXPECT_TRUE(resumer.is_resumed(ours, "api.openai.com", session));
}

TEST_F(LeafCacheTest, OneContextPresentsEachLeafWithItsIssuer) {
  const Identity first = identity(authority(), "api.openai.com");
  const Identity second = {first.context, *mint_leaf(authority(), "api.example.com", now())};
  const Resumer resumer(authority()->certificate(), TLS1_3_VERSION);
  for (const auto& [name, ours] :
       {std::pair("api.openai.com", first), std::pair("api.example.com", second)}) {
    auto dialling = Engine::client(resumer.client.get(), name, {"h2"});
    auto answering = Engine::server(ours, "h2");
    Buffer got;
    (void)dialling->handshake();
    for (int round = 0; round < 6; ++round) {
      ASSERT_TRUE(answering->feed(dialling->take_output(), got));
      ASSERT_TRUE(dialling->feed(answering->take_output(), got)) << name;
    }
    EXPECT_TRUE(dialling->is_ready());
    EXPECT_TRUE(dialling->is_signed_by(authority()->certificate()));
  }
}

// threat-model 51
TEST_F(LeafCacheTest, AnotherIssuerEndsAllSessions) {
  const StateDirectory dir;
  const auto opened = Authority::open_or_create(dir.path(), patterns({"api.openai.com"}), now());
  const Identity before = identity(authority(), "api.openai.com");
  const Identity after = identity(opened->authority, "api.openai.com");
  const Resumer resumer(authority()->certificate(), TLS1_3_VERSION);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(resumer.client.get()),
                      opened->authority->certificate());
  SessionPtr session;
  EXPECT_FALSE(resumer.is_resumed(before, "api.openai.com", session));
  EXPECT_FALSE(resumer.is_resumed(after, "api.openai.com", session));
}

/// Go decides for the real language server, and its rules differ from OpenSSL's.
// threat-model 48
TEST_F(LeafCacheTest, GoAcceptsAndRefusesTheSame) {
  const char* program =
      std::getenv("AGP_GO_VERIFIER");  // NOLINT(concurrency-mt-unsafe): one thread
  if (program == nullptr || std::system("command -v go >/dev/null 2>&1") != 0) {  // NOLINT
    GTEST_SKIP() << "go is not installed (apt install golang-go): Go's view of our certificates is "
                    "NOT tested";
  }
  const StateDirectory dir;
  const auto write = [&](const std::string& name, const std::string& pem) {
    std::ofstream(dir.path() + '/' + name) << pem;
  };
  const auto key = make_p256_key();
  write("ca.pem", authority()->pem());
  write("good.pem", *(*mint_leaf(authority(), "api.openai.com", now()))->chain_pem());
  write("pattern.pem",
        *(*mint_leaf(authority(), "us-aiplatform.googleapis.com", now()))->chain_pem());
  write("other.pem",
        *to_pem(forge(*authority(), key->get(), "DNS:accounts.google.com", false, now()).get()));
  write(
      "ip.pem",
      *to_pem(
          forge(*authority(), key->get(), "DNS:api.openai.com,IP:127.0.0.1", false, now()).get()));
  const auto run = [&](const std::string& file, const std::string& host) {
    const std::string command = "cd " + dir.path() + " && HOME=" + dir.path() +
                                " GO111MODULE=off GOFLAGS= SSL_CERT_FILE=" + dir.path() +
                                "/ca.pem SSL_CERT_DIR=/dev/null ./verify " + file + ' ' + host;
    return std::system(command.c_str());  // NOLINT(cert-env33-c,concurrency-mt-unsafe): test helper
  };
  const std::string build = "cd " + dir.path() + " && HOME=" + dir.path() + " GOCACHE=${GOCACHE:-" +
                            dir.path() + "/cache} GO111MODULE=off go build -o verify " + program;
  ASSERT_EQ(std::system(build.c_str()),
            0);  // NOLINT(cert-env33-c,concurrency-mt-unsafe): test helper
  EXPECT_EQ(run("good.pem", "api.openai.com"), 0);
  EXPECT_EQ(run("pattern.pem", "us-aiplatform.googleapis.com"), 0);
  EXPECT_NE(run("good.pem", "openai.com"), 0);
  EXPECT_NE(run("other.pem", "accounts.google.com"), 0);
  EXPECT_NE(run("ip.pem", "api.openai.com"), 0);
}

}  // namespace
}  // namespace agp::tls
