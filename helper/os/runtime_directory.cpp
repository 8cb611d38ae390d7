#include "helper/os/runtime_directory.h"

#include "helper/core/errc.h"
#include "helper/os/trusted_file.h"

#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::os {
namespace {

constexpr char kBundle[] = "ca-bundle.pem";
constexpr char kSecrets[] = "start.env";
constexpr char kScopes[] = "scopes";
constexpr std::string_view kTemporary = ".new-";
constexpr std::size_t kMaxBundleBytes = 8 * 1024 * 1024;

Error unsafe(const std::string& what) {
  return {core::Errc::file, what};
}

/// "/a/b" -> {"/a", "b"}
std::pair<std::string, std::string> split(const std::string& path) {
  const auto at = path.rfind('/');
  return {at == 0 ? "/" : path.substr(0, at), path.substr(at + 1)};
}

Result<std::string> temporary_name() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    return errno_error("random name");
  }
  return std::string(kTemporary) + std::to_string(random);
}

Result<> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return errno_error("writing a file of the helper's");
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> write_new(int directory, const std::string& name, std::string_view content, mode_t mode) {
  const UniqueFd file(::openat(directory, name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return errno_error("creating " + name);
  }
  if (auto written = write_all(file.get(), content); !written) {
    return written;
  }
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) {
    return errno_error("finishing " + name);
  }
  return {};
}

/// Temporary files of a helper that was killed while it wrote.
void remove_leftovers(int directory) {
  // fdopendir takes a descriptor over, and its position with it.
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* entries = copy >= 0 ? ::fdopendir(copy) : nullptr;
  if (entries == nullptr) {
    return;
  }
  while (const dirent* entry = ::readdir(entries)) {
    if (std::string_view(entry->d_name).starts_with(kTemporary)) {
      (void)::unlinkat(directory, entry->d_name, 0);  // tried again next time
    }
  }
  ::closedir(entries);
}

}  // namespace

RuntimeDirectory::RuntimeDirectory(std::string path, std::vector<std::string> ca_files)
    : path_(std::move(path)), ca_files_(std::move(ca_files)) {}

std::vector<std::string> RuntimeDirectory::default_ca_files() {
  return {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
          "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"};
}

std::string RuntimeDirectory::bundle_path() const {
  return path_ + "/" + kBundle;
}

Result<UniqueFd> RuntimeDirectory::open(bool create) {
  const auto [parent_path, name] = split(path_);
  auto parent = open_directory(parent_path);
  if (!parent) {
    return parent.error();
  }
  const bool is_made = create && ::mkdirat(parent->get(), name.c_str(), 0755) == 0;
  if (create && !is_made && errno != EEXIST) {
    return errno_error("making " + path_);
  }
  UniqueFd directory(
      ::openat(parent->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.is_open()) {
    return errno_error("opening " + path_);
  }
  // The helper's file mode mask is for secrets; the language server reads the bundle in here.
  if (is_made && ::fchmod(directory.get(), 0755) != 0) {
    return errno_error(path_);
  }
  struct stat seen {};
  if (::fstat(directory.get(), &seen) != 0) {
    return errno_error(path_);
  }
  if (seen.st_uid != ::geteuid() || (seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return unsafe(path_ + " belongs to or can be written by others: remove it");
  }
  return directory;
}

Result<std::string> RuntimeDirectory::system_certificates() {
  for (const auto& path : ca_files_) {
    // Root's own configuration: links are how distributions lay it out.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) {
      continue;
    }
    auto content = read_all(file.get(), kMaxBundleBytes);
    if (content && content->find("-----BEGIN CERTIFICATE-----") != std::string::npos) {
      return content;
    }
  }
  return Error(core::Errc::file,
               "the system has no CA certificates: install the package ca-certificates");
}

Result<std::optional<std::string>> RuntimeDirectory::read_bundle() {
  return read(kBundle, "the trust bundle");
}

Result<std::optional<std::string>> RuntimeDirectory::read(const char* name,
                                                          const std::string& what) {
  auto directory = open(false);
  if (!directory) {
    if (directory.error().code == boost::system::errc::no_such_file_or_directory) {
      return std::optional<std::string>();
    }
    return directory.error();
  }
  const UniqueFd file(
      ::openat(directory->get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) {
      return std::optional<std::string>();
    }
    return unsafe(what + " is not a plain file");
  }
  struct stat seen {};
  if (::fstat(file.get(), &seen) != 0 || !S_ISREG(seen.st_mode) || seen.st_uid != ::geteuid() ||
      seen.st_nlink != 1 || (seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return unsafe(what + " is not a plain file of root's");
  }
  auto content = read_all(file.get(), kMaxBundleBytes);
  if (!content) {
    return content.error();
  }
  return std::optional<std::string>(std::move(*content));
}

Result<> RuntimeDirectory::write_bundle(std::string_view content) {
  return replace(kBundle, content, 0644);
}

Result<> RuntimeDirectory::replace(const char* name, std::string_view content, mode_t mode) {
  auto directory = open(true);
  if (!directory) {
    return directory.error();
  }
  remove_leftovers(directory->get());
  auto temporary = temporary_name();
  if (!temporary) {
    return temporary.error();
  }
  auto written = write_new(directory->get(), *temporary, content, mode);
  if (written && ::renameat(directory->get(), temporary->c_str(), directory->get(), name) != 0) {
    written = errno_error(std::string("replacing ") + name);
  }
  if (!written) {
    (void)::unlinkat(directory->get(), temporary->c_str(), 0);  // the error is what failed before
    return written;
  }
  (void)::fsync(directory->get());  // a tmpfs has nothing to sync
  return {};
}

Result<bool> RuntimeDirectory::remove_bundle() {
  auto directory = open(false);
  if (!directory) {
    if (directory.error().code == boost::system::errc::no_such_file_or_directory) {
      return false;
    }
    return directory.error();
  }
  remove_leftovers(directory->get());
  if (::unlinkat(directory->get(), kBundle, 0) != 0) {
    if (errno == ENOENT) {
      return false;
    }
    return errno_error("removing the trust bundle");
  }
  return true;
}

Result<std::string> RuntimeDirectory::put(std::string_view content) {
  auto directory = open(true);
  if (!directory) {
    return directory.error();
  }
  if (::unlinkat(directory->get(), kSecrets, 0) != 0 && errno != ENOENT) {
    return errno_error("removing the secrets of an earlier start");
  }
  if (auto written = write_new(directory->get(), kSecrets, content, 0600); !written) {
    (void)::unlinkat(directory->get(), kSecrets, 0);  // the error is what failed before
    return written.error();
  }
  return path_ + "/" + kSecrets;
}

Result<> RuntimeDirectory::remove_secrets() {
  return remove_file(kSecrets);
}

Result<std::string> RuntimeDirectory::read_scopes() {
  auto content = read(kScopes, "the list of captured commands");
  if (!content) {
    return content.error();
  }
  return std::move(*content).value_or(std::string());
}

Result<> RuntimeDirectory::write_scopes(std::string_view text) {
  return text.empty() ? remove_file(kScopes) : replace(kScopes, text, 0600);
}

Result<> RuntimeDirectory::remove_file(const char* name) {
  auto directory = open(false);
  if (!directory) {
    if (directory.error().code == boost::system::errc::no_such_file_or_directory) {
      return {};
    }
    return directory.error();
  }
  if (::unlinkat(directory->get(), name, 0) != 0 && errno != ENOENT) {
    return errno_error(std::string("removing ") + name);
  }
  return {};
}

Result<std::shared_ptr<void>> RuntimeDirectory::lock() {
  for (;;) {
    auto directory = open(true);
    if (!directory) {
      return directory.error();
    }
    if (::flock(directory->get(), LOCK_EX) != 0) {
      return errno_error("locking " + path_);
    }
    struct stat held {};
    struct stat named {};
    if (::fstat(directory->get(), &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      return std::shared_ptr<void>(std::make_shared<UniqueFd>(std::move(*directory)));
    }
    // Whoever held the lock removed the directory: take the lock of the new one.
  }
}

Result<> RuntimeDirectory::remove() {
  for (const char* name : {kSecrets, kScopes}) {
    if (auto removed = remove_file(name); !removed) {
      return removed.error();
    }
  }
  if (auto removed = remove_bundle(); !removed) {
    return removed.error();
  }
  const auto [parent_path, name] = split(path_);
  auto parent = open_directory(parent_path);
  if (!parent) {
    return parent.error();
  }
  if (::unlinkat(parent->get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return errno_error("removing " + path_);
  }
  return {};
}

}  // namespace agp::os
