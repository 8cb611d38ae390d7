#include "daemon/ls/metadata.h"

#include "metadata.pb.h"

#include <array>
#include <cerrno>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace agp::ls {
namespace {

constexpr std::size_t kProductLimit = 1024 * 1024;
constexpr std::size_t kCertificateLimit = 64 * 1024;

/// Empty when it cannot be read or is larger than the limit.
std::string read_whole(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  std::array<char, 4096> part{};
  while (fd.is_open()) {
    const ssize_t n = ::read(fd.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      break;
    }
    text.append(part.data(), static_cast<std::size_t>(n));
    if (text.size() > limit) {
      return {};
    }
  }
  return text;
}

/// <extension>/bin/language_server_linux_x64 -> <extension>
std::string extension_path(const std::string& binary_path) {
  const auto bin = binary_path.rfind("/bin/");
  return bin == std::string::npos ? std::string() : binary_path.substr(0, bin);
}

}  // namespace

Metadata metadata_for(const std::string& binary_path) {
  Metadata metadata;
  metadata.ide_version = std::string(kDefaultIdeVersion);
  metadata.extension_path = extension_path(binary_path);
  const std::string product = product_path(binary_path);
  if (!product.empty()) {
    const std::string version = ide_version_of(read_whole(product, kProductLimit));
    if (!version.empty()) {
      metadata.ide_version = version;
    }
  }
  return metadata;
}

std::string product_path(const std::string& binary_path) {
  // .../resources/app/extensions/antigravity/bin/X: the product is described beside extensions/.
  const std::string extension = extension_path(binary_path);
  const auto extensions = extension.rfind("/extensions/");
  return extensions == std::string::npos ? std::string()
                                         : extension.substr(0, extensions) + "/product.json";
}

std::string ide_version_of(std::string_view product_json) {
  boost::system::error_code ec;
  const boost::json::value product =
      boost::json::parse({product_json.data(), product_json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : product.if_object();
  if (object == nullptr) {
    return {};
  }
  for (const char* key : {"ideVersion", "version"}) {
    const boost::json::value* value = object->if_contains(key);
    if (value != nullptr && value->is_string() && !value->get_string().empty()) {
      return std::string(value->get_string());
    }
  }
  return {};
}

std::string serialize(const Metadata& metadata) {
  proto::Metadata message;
  message.set_ide_name("antigravity");
  message.set_locale("en");
  message.set_ide_version(metadata.ide_version);
  message.set_extension_name("antigravity");
  message.set_extension_path(metadata.extension_path);
  return message.SerializeAsString();
}

Result<UniqueFd> sealed_memfd(std::string_view content) {
  const UniqueFd writable(::memfd_create("ls-metadata", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!writable.is_open()) {
    return errno_error("memfd_create");
  }
  while (!content.empty()) {
    const ssize_t n = ::write(writable.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno_error("write to memfd");
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fcntl(writable.get(), F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return errno_error("seal memfd");
  }
  // Opened anew: read-only, and with an offset of its own that starts at 0.
  UniqueFd readable(
      ::open(("/proc/self/fd/" + std::to_string(writable.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable.is_open()) {
    return errno_error("reopen memfd");
  }
  return readable;
}

std::string bundled_certificate(const std::string& binary_path) {
  const std::string extension = extension_path(binary_path);
  return extension.empty()
             ? std::string()
             : read_whole(extension + "/dist/languageServer/cert.pem", kCertificateLimit);
}

}  // namespace agp::ls
