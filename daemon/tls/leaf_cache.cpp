#include "daemon/tls/leaf_cache.h"

#include "daemon/tls/certificate.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include <openssl/hmac.h>
#include <openssl/sha.h>

namespace agp::tls {
namespace {

using namespace std::chrono_literals;

constexpr auto kLife = 24h;
constexpr auto kBackdated = 1h;   // for clients whose clock is behind
constexpr long kSessions = 1024;  // TLS 1.2 without tickets; there the state is ours
constexpr long kSessionSeconds = 7200;
constexpr std::size_t kMaxCommonName = 64;  // RFC 5280, ub-common-name

bool add_host_name(X509* certificate, std::string_view host) {
  const GeneralNamesPtr names(GENERAL_NAMES_new());
  GeneralNamePtr name(GENERAL_NAME_new());
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  if (!names || !name || text == nullptr ||
      ASN1_STRING_set(text, host.data(), static_cast<int>(host.size())) != 1) {
    ASN1_IA5STRING_free(text);
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text);
  if (sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) {
    return false;
  }
  (void)name.release();  // the list owns it
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) ==
         1;
}

Buffer der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  Buffer out(der, der + std::max(size, 0));
  OPENSSL_free(der);
  return out;
}

}  // namespace

Leaf::Leaf(std::string host,
           std::shared_ptr<const Authority> authority,
           CertificatePtr certificate,
           Time renew_at,
           Time not_after)
    : host_(std::move(host)),
      authority_(std::move(authority)),
      certificate_(std::move(certificate)),
      renew_at_(renew_at),
      not_after_(not_after) {
  const std::string scope = authority_->fingerprint() + host_;
  (void)SHA256(reinterpret_cast<const unsigned char*>(scope.data()), scope.size(), scope_.data());
}

Result<std::string> Leaf::chain_pem() const {
  auto pem = to_pem(certificate_.get());
  if (!pem) {
    return pem;
  }
  return *pem + authority_->pem();
}

Result<std::vector<Buffer>> Leaf::chain_der() const {
  std::vector<Buffer> chain = {der_of(certificate_.get()), der_of(authority_->certificate())};
  if (chain[0].empty() || chain[1].empty()) {
    return openssl_error("certificate as DER");
  }
  return chain;
}

Result<std::shared_ptr<const Leaf>> mint_leaf(const std::shared_ptr<const Authority>& authority,
                                              std::string_view host,
                                              Time now) {
  if (!authority->covers(host)) {
    return Error(Errc::name_not_covered, std::string(host));
  }
  const auto not_before = now - kBackdated;
  const auto not_after = std::min<Time>(not_before + kLife, authority->not_after());
  auto certificate = make_certificate(authority->leaf_key(), not_before, not_after);
  if (!certificate) {
    return certificate.error();
  }
  X509* x509 = certificate->get();
  auto* name = X509_get_subject_name(x509);
  const bool is_complete =
      add_name_entry(name, "O", "antigravity-proxy") &&
      (host.size() > kMaxCommonName || add_name_entry(name, "CN", host)) &&
      X509_set_issuer_name(x509, X509_get_subject_name(authority->certificate())) == 1 &&
      add_basic_constraints(x509, false) && add_key_usage(x509, 0) && add_server_auth(x509) &&
      add_host_name(x509, host) && add_subject_key_id(x509) &&
      add_authority_key_id(x509, authority->certificate()) &&
      X509_sign(x509, authority->key(), EVP_sha256()) > 0;
  if (!is_complete) {
    return openssl_error("leaf certificate");
  }
  return std::make_shared<const Leaf>(std::string(host), authority, std::move(*certificate),
                                      not_before + (not_after - not_before) / 2, not_after);
}

LeafCache::LeafCache(std::shared_ptr<const Authority> authority, std::size_t capacity)
    : authority_(std::move(authority)), capacity_(capacity) {
  assert(authority_ != nullptr && capacity_ > 0);
}

Result<std::shared_ptr<const Leaf>> LeafCache::get(std::string_view host, Time now) {
  const std::string key(host);
  if (const auto found = by_host_.find(key); found != by_host_.end()) {
    const auto item = found->second;
    if (now >= item->minted_at - kBackdated && now < item->leaf->renew_at()) {
      by_use_.splice(by_use_.begin(), by_use_, item);
      return item->leaf;
    }
    by_use_.erase(item);
    by_host_.erase(found);
  }
  auto leaf = mint_leaf(authority_, host, now);
  if (!leaf) {
    return leaf;
  }
  if (by_use_.size() == capacity_) {
    by_host_.erase(by_use_.back().leaf->host());
    by_use_.pop_back();
  }
  by_use_.push_front({*leaf, now});
  by_host_.emplace(key, by_use_.begin());
  return leaf;
}

void LeafCache::replace_authority(std::shared_ptr<const Authority> authority) {
  assert(authority != nullptr);
  authority_ = std::move(authority);
  by_host_.clear();
  by_use_.clear();
}

// Tickets must open under all workers, so the key is derived from a secret of this process and the
// issuer.
static Result<> set_ticket_keys(SSL_CTX* context, const Authority& authority) {
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> keys{};
  for (const unsigned half : {0U, 1U}) {
    const std::string input = std::string(1, static_cast<char>(half)) + authority.fingerprint();
    unsigned size = 0;
    const auto& secret = authority.ticket_secret();
    if (HMAC(EVP_sha512(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(input.data()), input.size(),
             keys.data() + half * EVP_MAX_MD_SIZE, &size) == nullptr) {
      return openssl_error("session ticket keys");
    }
  }
  // Name of the key, MAC key, cipher key: OpenSSL says how long they are together.
  const long size = SSL_CTX_set_tlsext_ticket_keys(context, nullptr, 0);
  assert(size > 0 && static_cast<std::size_t>(size) <= keys.size());
  if (SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), size) != 1) {
    return openssl_error("session ticket keys");
  }
  OPENSSL_cleanse(keys.data(), keys.size());
  return {};
}

Result<SslCtxPtr> server_context(const Authority& authority) {
  SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) {
    return openssl_error("TLS server context");
  }
  SSL_CTX* ctx = context.get();
  // Belongs to the context from here on, and goes with any certificate that has no chain of its
  // own.
  X509* issuer = authority.certificate();
  if (X509_up_ref(issuer) != 1 || SSL_CTX_add_extra_chain_cert(ctx, issuer) != 1) {
    return openssl_error("TLS server context");
  }
  if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      // One ticket: a second one would cost each handshake and is hardly ever used.
      SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
      // A replayed request is not ours to tell from the first one (RFC 8446 section 8).
      SSL_CTX_set_max_early_data(ctx, 0) != 1) {
    return openssl_error("TLS server context");
  }
  if (auto keyed = set_ticket_keys(ctx, authority); !keyed) {
    return keyed.error();
  }
  (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_security_level(ctx, 2);
  (void)SSL_CTX_sess_set_cache_size(ctx, kSessions);
  // Well below the half-life of a leaf: the client verified one when the session began.
  (void)SSL_CTX_set_timeout(ctx, kSessionSeconds);
  return context;
}

}  // namespace agp::tls
