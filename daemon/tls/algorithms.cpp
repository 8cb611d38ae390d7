#include "daemon/tls/algorithms.h"

#include "daemon/tls/openssl.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

namespace agp::tls {
namespace {

using Names = std::initializer_list<std::string_view>;

constexpr const char* kName = "antigravity-proxy";

// The default provider, in a library context of its own, and ours. They live as long as the
// process.
OSSL_PROVIDER* whole = nullptr;
OSSL_PROVIDER* limited = nullptr;

// Of "EC:id-ecPublicKey:1.2.840.10045.2.1", the first name counts.
bool is_one_of(const OSSL_ALGORITHM& algorithm, Names names) {
  const std::string_view all = algorithm.algorithm_names;
  const auto first = all.substr(0, all.find(':'));
  return std::find(names.begin(), names.end(), first) != names.end();
}

bool has_property(const OSSL_ALGORITHM& algorithm, std::string_view property) {
  const std::string_view all = algorithm.property_definition;
  return all.find(property) != std::string_view::npos;
}

// Kinds that are not named here stay as they are.
bool is_needed(int kind, const OSSL_ALGORITHM& algorithm) {
  switch (kind) {
    case OSSL_OP_CIPHER:
      // Those of the default cipher suites, of session tickets and of the random generator.
      return is_one_of(
          algorithm, {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-128-CBC",
                      "AES-256-CBC", "AES-128-CBC-HMAC-SHA1", "AES-256-CBC-HMAC-SHA1",
                      "AES-128-CBC-HMAC-SHA256", "AES-256-CBC-HMAC-SHA256", "AES-256-CTR", "NULL"});
    case OSSL_OP_DIGEST:
      return is_one_of(algorithm,
                       {"MD5", "MD5-SHA1", "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"});
    case OSSL_OP_MAC:
      return is_one_of(algorithm, {"HMAC"});
    case OSSL_OP_KDF:
      return is_one_of(algorithm, {"HKDF", "TLS13-KDF", "TLS1-PRF"});
    case OSSL_OP_KEYMGMT:
      return is_one_of(algorithm, {"RSA", "RSA-PSS", "EC", "ED25519", "ED448", "X25519", "X448",
                                   "DH", "HKDF", "TLS1-PRF", "HMAC"});
    case OSSL_OP_SIGNATURE:
      return is_one_of(algorithm, {"RSA", "ECDSA", "ED25519", "ED448", "HMAC"});
    case OSSL_OP_DECODER:
      // Public keys of any certificate, and the private key that ca.key holds.
      return (is_one_of(algorithm, {"DER", "RSA", "RSA-PSS", "EC", "ED25519", "ED448"}) &&
              has_property(algorithm, "structure=SubjectPublicKeyInfo")) ||
             (is_one_of(algorithm, {"EC"}) &&
              has_property(algorithm, "structure=PrivateKeyInfo")) ||
             (is_one_of(algorithm, {"DER"}) && has_property(algorithm, "input=pem"));
    case OSSL_OP_ENCODER:
      return is_one_of(algorithm, {"EC"}) &&
             (has_property(algorithm, "structure=SubjectPublicKeyInfo") ||
              has_property(algorithm, "structure=PrivateKeyInfo"));
    default:
      return true;
  }
}

// By kind; each ends with an empty entry. Filled before the first question, which may come from any
// thread, and never changed.
std::array<std::vector<OSSL_ALGORITHM>, OSSL_OP__HIGHEST + 1> kept;

void choose() {
  for (int kind = 1; kind <= OSSL_OP__HIGHEST; ++kind) {
    int no_cache = 0;
    const OSSL_ALGORITHM* each = OSSL_PROVIDER_query_operation(whole, kind, &no_cache);
    for (; each != nullptr && each->algorithm_names != nullptr; ++each) {
      if (is_needed(kind, *each)) {
        kept.at(static_cast<std::size_t>(kind)).push_back(*each);
      }
    }
    kept.at(static_cast<std::size_t>(kind)).push_back({});
  }
}

const OSSL_ALGORITHM* algorithms(void* /*context*/, int kind, int* no_cache) {
  *no_cache = 0;
  return kind < 1 || kind > OSSL_OP__HIGHEST ? nullptr
                                             : kept.at(static_cast<std::size_t>(kind)).data();
}

int capabilities(void* /*context*/, const char* which, OSSL_CALLBACK* tell, void* argument) {
  return OSSL_PROVIDER_get_capabilities(whole, which, tell, argument);
}

// An implementation is called with the context of the provider that it belongs to.
int open_provider(const OSSL_CORE_HANDLE* /*core*/,
                  const OSSL_DISPATCH* /*from_core*/,
                  const OSSL_DISPATCH** to_core,
                  void** context) {
  static const std::array<OSSL_DISPATCH, 3> kCalls = {{
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)(void)>(algorithms)},
      {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)(void)>(capabilities)},
      {0, nullptr},
  }};
  *to_core = kCalls.data();
  *context = OSSL_PROVIDER_get0_provider_ctx(whole);
  return 1;
}

}  // namespace

Result<> keep_tls_algorithms() {
  const bool is_slow = OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
  if (!is_slow || whole != nullptr) {
    return {};
  }
  OSSL_LIB_CTX* aside = OSSL_LIB_CTX_new();
  whole = aside == nullptr ? nullptr : OSSL_PROVIDER_load(aside, "default");
  if (whole == nullptr) {
    OSSL_LIB_CTX_free(aside);
    return openssl_error("default provider");
  }
  choose();
  // From the first attempt to load a provider by name, OpenSSL does not load the default one
  // itself.
  if (OSSL_PROVIDER_add_builtin(nullptr, kName, open_provider) == 1) {
    limited = OSSL_PROVIDER_load(nullptr, kName);
  }
  if (limited == nullptr) {
    const Error why = openssl_error("provider of the algorithms for TLS");
    (void)OSSL_PROVIDER_load(nullptr, "default");
    return why;
  }
  return {};
}

}  // namespace agp::tls
