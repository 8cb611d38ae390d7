#include "daemon/tls/ca.h"

#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "common/base/unique_fd.h"
#include "daemon/tls/certificate.h"
#include "daemon/tls/names.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::tls {
namespace {

using namespace std::chrono_literals;

constexpr auto kLife = 24h * 365;
constexpr auto kBackdated = 1h;  // for clients whose clock is behind
constexpr const char* kKeyFile = "ca.key";
constexpr const char* kCertificateFile = "ca.pem";
// Of the one that is to follow. The certificate is written last: where it is, the pair is whole.
constexpr const char* kNextKeyFile = "next.key";
constexpr const char* kNextCertificateFile = "next.pem";
constexpr const char* kHalfWritten = ".new";  // behind the name of one of these
constexpr std::size_t kMaxFileBytes = 64U << 10U;

Result<UniqueFd> open_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("creating " + path);
  }
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) {
    return errno_error("opening " + path);
  }
  return fd;
}

Result<std::string> read_file(int directory, const char* name, bool is_secret) {
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat st {};
  if (!fd.is_open() || ::fstat(fd.get(), &st) != 0) {
    return errno_error(name);
  }
  if (!S_ISREG(st.st_mode)) {
    return errno_error(EINVAL, std::string(name) + " is no regular file");
  }
  if (is_secret && (st.st_mode & 077) != 0) {
    return errno_error(EPERM, std::string(name) + " could be read by others");
  }
  if (st.st_uid != ::geteuid()) {
    return errno_error(EPERM, std::string(name) + " belongs to someone else");
  }
  std::string text(kMaxFileBytes, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno_error(name);
    }
    if (n == 0) {
      break;
    }
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return text;
}

Result<> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return errno_error("write");
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// The old file or the new one after a crash, never a half.
Result<> replace_file(int directory, const std::string& name, std::string_view text, mode_t mode) {
  const std::string temporary = name + kHalfWritten;
  (void)::unlinkat(directory, temporary.c_str(), 0);  // left by a crash; open() reports the rest
  const UniqueFd fd(::openat(directory, temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.is_open()) {
    return errno_error("creating " + temporary);
  }
  if (auto written = write_all(fd.get(), text); !written) {
    return Error(written.error().code, "writing " + temporary);
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0 ||
      ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0 ||
      ::fsync(directory) != 0) {
    return errno_error("storing " + name);
  }
  return {};
}

Result<UniqueFd> open_store(const std::string& state_dir) {
  const auto state = open_directory(state_dir);
  if (!state) {
    return state.error();
  }
  auto directory = open_directory(state_dir + "/ca");
  if (!directory) {
    return directory;
  }
  // Where nothing can be written an authority that is right can still be used.
  struct stat found = {};
  if (::fstat(directory->get(), &found) != 0 ||
      ((found.st_mode & 07777U) != 0700 && ::fchmod(directory->get(), 0700) != 0)) {
    return errno_error("mode of " + state_dir + "/ca");
  }
  return directory;
}

void remove_next(int directory) {
  (void)::unlinkat(directory, kNextCertificateFile, 0);  // there may be none
  (void)::unlinkat(directory, kNextKeyFile, 0);
}

// What a crash left half written: a key that nobody uses lies nowhere.
void remove_half_written(int directory) {
  for (const char* name : {kKeyFile, kCertificateFile, kNextKeyFile, kNextCertificateFile}) {
    (void)::unlinkat(directory, (std::string(name) + kHalfWritten).c_str(), 0);
  }
}

// The key first: while its certificate has the old name, the step is not done.
Result<bool> put_next_in_place(int directory) {
  if (::faccessat(directory, kNextCertificateFile, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
    remove_next(directory);
    return false;
  }
  if ((::renameat(directory, kNextKeyFile, directory, kKeyFile) != 0 && errno != ENOENT) ||
      ::fsync(directory) != 0 ||
      ::renameat(directory, kNextCertificateFile, directory, kCertificateFile) != 0 ||
      ::fsync(directory) != 0) {
    return errno_error("putting the next issuer in place");
  }
  return true;
}

bool push_subtree(STACK_OF(GENERAL_SUBTREE) * &list, int type, ASN1_STRING* value) {
  SubtreePtr subtree(GENERAL_SUBTREE_new());
  if (list == nullptr) {
    list = sk_GENERAL_SUBTREE_new_null();
  }
  if (list == nullptr || !subtree) {
    ASN1_STRING_free(value);
    return false;
  }
  GENERAL_NAME_set0_value(subtree->base, type, value);
  if (sk_GENERAL_SUBTREE_push(list, subtree.get()) <= 0) {
    return false;
  }
  (void)subtree.release();  // the list owns it
  return true;
}

ASN1_STRING* asn1_text(int type, const void* data, std::size_t size) {
  ASN1_STRING* text = ASN1_STRING_type_new(type);
  if (text != nullptr && ASN1_STRING_set(text, data, static_cast<int>(size)) != 1) {
    ASN1_STRING_free(text);
    return nullptr;
  }
  return text;
}

NameConstraintsPtr make_constraints(const std::vector<std::string>& domains) {
  NameConstraintsPtr constraints(NAME_CONSTRAINTS_new());
  if (!constraints) {
    return nullptr;
  }
  for (const auto& domain : domains) {
    auto* text = asn1_text(V_ASN1_IA5STRING, domain.data(), domain.size());
    if (text == nullptr || !push_subtree(constraints->permittedSubtrees, GEN_DNS, text)) {
      return nullptr;
    }
  }
  // Address and mask, all zero: every address is excluded.
  static constexpr std::array<std::uint8_t, 32> kZero{};
  for (const std::size_t size : {8U, 32U}) {
    auto* text = asn1_text(V_ASN1_OCTET_STRING, kZero.data(), size);
    if (text == nullptr || !push_subtree(constraints->excludedSubtrees, GEN_IPADD, text)) {
      return nullptr;
    }
  }
  return constraints;
}

std::string der_of(NAME_CONSTRAINTS* constraints) {
  unsigned char* der = nullptr;
  const int size = ASN1_item_i2d(reinterpret_cast<ASN1_VALUE*>(constraints), &der,
                                 ASN1_ITEM_rptr(NAME_CONSTRAINTS));
  std::string out(reinterpret_cast<const char*>(der),
                  size > 0 ? static_cast<std::size_t>(size) : 0);
  OPENSSL_free(der);
  return out;
}

bool has_constraints(X509* certificate, const std::vector<std::string>& domains) {
  const int at = X509_get_ext_by_NID(certificate, NID_name_constraints, -1);
  const auto expected = make_constraints(domains);
  if (at < 0 || !expected) {
    return false;
  }
  auto* extension = X509_get_ext(certificate, at);
  const auto* data = X509_EXTENSION_get_data(extension);
  const std::string_view found(reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
                               static_cast<std::size_t>(ASN1_STRING_length(data)));
  return X509_EXTENSION_get_critical(extension) == 1 && found == der_of(expected.get());
}

Result<std::string> random_id() {
  std::array<unsigned char, 8> octets{};
  if (RAND_bytes(octets.data(), static_cast<int>(octets.size())) != 1) {
    return openssl_error("random instance id");
  }
  std::string id;
  for (const auto octet : octets) {
    id += "0123456789abcdef"[octet >> 4U];
    id += "0123456789abcdef"[octet & 15U];
  }
  return id;
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  std::string out;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    for (unsigned i = 0; i < size; ++i) {
      out += "0123456789abcdef"[digest[i] >> 4U];
      out += "0123456789abcdef"[digest[i] & 15U];
    }
  }
  return out;
}

Result<CertificatePtr> make_issuer(EVP_PKEY* key,
                                   const std::vector<std::string>& domains,
                                   Time now) {
  auto certificate = make_certificate(key, now - kBackdated, now - kBackdated + kLife);
  if (!certificate) {
    return certificate.error();
  }
  const auto id = random_id();
  if (!id) {
    return id.error();
  }
  X509* x509 = certificate->get();
  const auto constraints = make_constraints(domains);
  auto* name = X509_get_subject_name(x509);
  const bool is_complete =
      constraints && add_name_entry(name, "O", "antigravity-proxy") &&
      add_name_entry(name, "CN", "antigravity-proxy local issuer " + *id) &&
      X509_set_issuer_name(x509, name) == 1 && add_basic_constraints(x509, true) &&
      add_key_usage(x509, 5) && add_server_auth(x509) && add_subject_key_id(x509) &&
      X509_add1_ext_i2d(x509, NID_name_constraints, constraints.get(), 1, X509V3_ADD_DEFAULT) ==
          1 &&
      X509_sign(x509, key, EVP_sha256()) > 0;
  if (!is_complete) {
    return openssl_error("issuer certificate");
  }
  return certificate;
}

Result<Secret<std::string>> key_to_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("key as PEM");
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return Secret<std::string>(std::string(data, static_cast<std::size_t>(size)));
}

// Never asks a person: without a callback OpenSSL would prompt on the terminal for an encrypted
// key.
int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

class AuthorityStore {
 public:
  AuthorityStore(int directory, std::span<const config::HostPattern> inspected, Time now)
      : directory_(directory),
        inspected_(inspected.begin(), inspected.end()),
        domains_(permitted_domains(inspected)),
        now_(now) {}

  /// What is stored, or the reason why it is of no use.
  [[nodiscard]] Result<std::shared_ptr<Authority>> load(std::string& unusable_because) const;
  [[nodiscard]] Result<std::shared_ptr<Authority>> create(const char* key_file,
                                                          const char* certificate_file) const;

 private:
  [[nodiscard]] std::string judge(const Authority& authority) const;
  [[nodiscard]] Result<std::shared_ptr<Authority>> finish(KeyPtr key,
                                                          CertificatePtr certificate) const;

  int directory_;
  std::vector<config::HostPattern> inspected_;
  std::vector<std::string> domains_;
  Time now_;
};

Result<std::shared_ptr<Authority>> AuthorityStore::load(std::string& unusable_because) const {
  auto key_text = read_file(directory_, kKeyFile, true);
  auto certificate_text = read_file(directory_, kCertificateFile, false);
  if (!key_text || !certificate_text) {
    const auto& error = key_text ? certificate_text.error() : key_text.error();
    const bool are_both_missing =
        !key_text && !certificate_text &&
        key_text.error().code == boost::system::errc::no_such_file_or_directory &&
        certificate_text.error().code == boost::system::errc::no_such_file_or_directory;
    unusable_because = are_both_missing ? "there was none" : error.text();
    return error;
  }
  const Secret<std::string> secret(std::move(*key_text));
  const BioPtr key_bio(
      BIO_new_mem_buf(secret.expose().data(), static_cast<int>(secret.expose().size())));
  const BioPtr certificate_bio(
      BIO_new_mem_buf(certificate_text->data(), static_cast<int>(certificate_text->size())));
  KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_password, nullptr));
  CertificatePtr certificate(
      PEM_read_bio_X509(certificate_bio.get(), nullptr, no_password, nullptr));
  if (!key || !certificate) {
    unusable_because = std::string(key ? kCertificateFile : kKeyFile) + " is damaged";
    return openssl_error(unusable_because);
  }
  auto authority = finish(std::move(key), std::move(certificate));
  if (!authority) {
    unusable_because = "the certificate is damaged";
    return authority;
  }
  unusable_because = judge(**authority);
  if (!unusable_because.empty()) {
    clear_openssl_errors();
    return Error(Errc::crypto, unusable_because);
  }
  return authority;
}

std::string AuthorityStore::judge(const Authority& authority) const {
  X509* certificate = authority.certificate();
  if (X509_check_private_key(certificate, authority.key()) != 1) {
    return "key and certificate do not belong together";
  }
  if (X509_verify(certificate, authority.key()) != 1 || X509_check_ca(certificate) != 1 ||
      EVP_PKEY_is_a(authority.key(), "EC") != 1 ||
      X509_get0_subject_key_id(certificate) == nullptr) {
    return "the certificate is not one of ours";
  }
  const auto not_before = to_time(X509_get0_notBefore(certificate));
  if (!not_before || now_ < *not_before) {
    return "it is not valid yet; the clock may have been set back";
  }
  if (now_ >= authority.not_after()) {
    return "it expired";
  }
  if (!has_constraints(certificate, domains_)) {
    return "the list of inspected hosts changed";
  }
  if (now_ >= authority.renew_at()) {
    return "two thirds of its life are over";
  }
  return {};
}

Result<std::shared_ptr<Authority>> AuthorityStore::finish(KeyPtr key,
                                                          CertificatePtr certificate) const {
  const auto not_before = to_time(X509_get0_notBefore(certificate.get()));
  const auto not_after = to_time(X509_get0_notAfter(certificate.get()));
  auto pem = to_pem(certificate.get());
  auto leaf_key = make_p256_key();
  if (!not_before || !not_after) {
    return Error(Errc::crypto, "validity of the issuer certificate");
  }
  if (!pem) {
    return pem.error();
  }
  if (!leaf_key) {
    return leaf_key.error();
  }
  std::shared_ptr<Authority> authority(new Authority());  // the constructor is private
  authority->key_ = std::move(key);
  authority->leaf_key_ = std::move(*leaf_key);
  if (RAND_bytes(authority->ticket_secret_.data(),
                 static_cast<int>(authority->ticket_secret_.size())) != 1) {
    return openssl_error("session ticket secret");
  }
  authority->fingerprint_ = fingerprint_of(certificate.get());
  authority->certificate_ = std::move(certificate);
  authority->pem_ = std::move(*pem);
  authority->permitted_ = domains_;
  authority->not_before_ = *not_before;
  authority->not_after_ = *not_after;
  authority->renew_at_ = *not_before + (*not_after - *not_before) * 2 / 3;
  authority->inspected_ = inspected_;
  return authority;
}

Result<std::shared_ptr<Authority>> AuthorityStore::create(const char* key_file,
                                                          const char* certificate_file) const {
  auto key = make_p256_key();
  if (!key) {
    return key.error();
  }
  auto certificate = make_issuer(key->get(), domains_, now_);
  if (!certificate) {
    return certificate.error();
  }
  const auto key_pem = key_to_pem(key->get());
  if (!key_pem) {
    return key_pem.error();
  }
  auto authority = finish(std::move(*key), std::move(*certificate));
  if (!authority) {
    return authority;
  }
  // A crash between the two leaves a pair that does not match, which load() notices.
  if (auto stored = replace_file(directory_, key_file, key_pem->expose(), 0600); !stored) {
    return stored.error();
  }
  if (auto stored = replace_file(directory_, certificate_file, (*authority)->pem(), 0644);
      !stored) {
    return stored.error();
  }
  return authority;
}

Result<Authority::Opened> Authority::open_or_create(const std::string& state_dir,
                                                    std::span<const config::HostPattern> inspected,
                                                    Time now) {
  const auto directory = open_store(state_dir);
  if (!directory) {
    return directory.error();
  }
  remove_half_written(directory->get());
  // Where it cannot be put in place the one before is still there.
  const auto is_next = put_next_in_place(directory->get());
  const AuthorityStore store(directory->get(), inspected, now);
  Opened opened;
  auto authority = store.load(opened.renewed_because);
  if (!authority) {
    authority = store.create(kKeyFile, kCertificateFile);
  } else if (is_next && *is_next) {
    opened.renewed_because = "the service ended while it was being replaced";
  }
  if (!authority) {
    return Error(authority.error().code,
                 "issuer in " + state_dir + "/ca: " + authority.error().context);
  }
  opened.authority = std::move(*authority);
  return opened;
}

Result<std::shared_ptr<const Authority>> Authority::create_next(
    const std::string& state_dir, std::span<const config::HostPattern> inspected, Time now) {
  const auto directory = open_store(state_dir);
  if (!directory) {
    return directory.error();
  }
  remove_next(directory->get());
  auto made =
      AuthorityStore(directory->get(), inspected, now).create(kNextKeyFile, kNextCertificateFile);
  if (!made) {
    return made.error();
  }
  return std::shared_ptr<const Authority>(std::move(*made));
}

Result<> Authority::adopt_next(const std::string& state_dir) {
  const auto directory = open_store(state_dir);
  if (!directory) {
    return directory.error();
  }
  const auto done = put_next_in_place(directory->get());
  return done ? Result<>() : Result<>(done.error());
}

void Authority::discard_next(const std::string& state_dir) {
  if (const auto directory = open_store(state_dir)) {
    remove_next(directory->get());
  }
}

std::string Authority::subject() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate_.get()), 0,
                                 XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) < 0) {
    return {};
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool Authority::covers(std::string_view host) const {
  return std::any_of(inspected_.begin(), inspected_.end(), [&](const config::HostPattern& pattern) {
    return !pattern.domain().empty() && pattern.matches(host);
  });
}

}  // namespace agp::tls
