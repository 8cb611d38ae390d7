#include "daemon/tls/keyed_digest.h"

#include "common/base/unique_fd.h"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::tls {
namespace {

constexpr std::size_t kKeyBytes = 32;

// Empty: there is no such file.
Result<std::optional<std::string>> read_key(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open() && errno == ENOENT) {
    return std::optional<std::string>();
  }
  struct stat st {};
  if (!fd.is_open() || ::fstat(fd.get(), &st) != 0) {
    return errno_error("read " + path);
  }
  if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 || st.st_uid != ::geteuid()) {
    return errno_error(EPERM, path + " must be a file of the service's own, with mode 0600");
  }
  std::string key(kKeyBytes, '\0');
  if (::read(fd.get(), key.data(), key.size()) != static_cast<ssize_t>(kKeyBytes)) {
    return errno_error(EBADMSG, path + " holds no key: remove it, then start again");
  }
  return std::optional(std::move(key));
}

// All of it or nothing after a crash.
Result<> store_key(const std::string& path, const std::string& key) {
  const std::string temporary = path + ".new";
  (void)::unlink(temporary.c_str());  // left by a crash; open() reports the rest
  const UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.is_open() ||
      ::write(fd.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()) ||
      ::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
    return errno_error("store " + path);
  }
  return {};
}

}  // namespace

Result<KeyedDigest> KeyedDigest::open_or_create(const std::string& path) {
  auto stored = read_key(path);
  if (!stored) {
    return stored.error();
  }
  if (*stored) {
    return KeyedDigest(Secret<std::string>(std::move(**stored)));
  }
  std::string key(kKeyBytes, '\0');
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) !=
      1) {
    return errno_error(EIO, "make a key for " + path);
  }
  if (auto done = store_key(path, key); !done) {
    return done.error();
  }
  return KeyedDigest(Secret<std::string>(std::move(key)));
}

std::string KeyedDigest::of(std::string_view text) const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto& key = key_.expose();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  (void)::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
               &size);  // cannot fail with a digest of the default provider
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += kDigits[digest[i] >> 4U];
    out += kDigits[digest[i] & 15U];
  }
  return out;
}

}  // namespace agp::tls
