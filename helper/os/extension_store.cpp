#include "helper/os/extension_store.h"

#include "helper/core/certificate.h"
#include "helper/core/errc.h"
#include "helper/core/trusted_path.h"
#include "helper/os/trusted_file.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace agp::os {
namespace {

using core::Errc;
using core::ExtensionReport;
using core::ExtensionState;

constexpr std::string_view kTemporary = ".antigravity-proxy-new-";
// Known builds have some 10 MB. The helper holds a file and its backup (MemoryMax= of its unit).
constexpr std::size_t kMaxBytes = 24 * 1024 * 1024;
constexpr char kTryAgain[] = "changed while it was being read: try again";

/// "/a/b" -> {"/a", "b"}
std::pair<std::string, std::string> split(const std::string& path) {
  const auto at = path.rfind('/');
  return {at == 0 ? "/" : path.substr(0, at), path.substr(at + 1)};
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_unchanged(const struct stat& a, const struct stat& b) {
  return is_same_file(a, b) && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

/// A regular file and what is in it.
struct Content {
  UniqueFd file;
  struct stat seen {};
  std::string text;
};

Result<std::string> read_whole(int fd, std::size_t size, const std::string& path) {
  std::string text(size, '\0');
  std::size_t at = 0;
  while (at < size) {
    const ssize_t n = ::read(fd, text.data() + at, size - at);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno_error(path + " cannot be read");
    }
    if (n == 0) {
      return Error(Errc::file, path + " " + kTryAgain);
    }
    at += static_cast<std::size_t>(n);
  }
  return text;
}

Result<Content> read_file(int directory, const std::string& name, const std::string& path) {
  Content content;
  content.file =
      UniqueFd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!content.file.is_open() || ::fstat(content.file.get(), &content.seen) != 0) {
    return errno_error(path + " cannot be read");
  }
  if (!S_ISREG(content.seen.st_mode)) {
    return Error(Errc::file, path + " is not a regular file");
  }
  if (content.seen.st_size > static_cast<off_t>(kMaxBytes)) {
    return Error(Errc::file, path + " is larger than 24 MiB, which no known build is");
  }
  auto text = read_whole(content.file.get(), static_cast<std::size_t>(content.seen.st_size), path);
  if (!text) {
    return text.error();
  }
  content.text = std::move(*text);
  return content;
}

Result<> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return errno_error("writing the patched file");
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> attribute_of(int fd, const std::string& name) {
  const ssize_t size = ::fgetxattr(fd, name.c_str(), nullptr, 0);
  std::string value(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  if (size < 0 || ::fgetxattr(fd, name.c_str(), value.data(), value.size()) != size) {
    return errno_error("reading the attribute " + name);
  }
  return value;
}

/// Also access control lists and security labels, which are attributes too.
Result<> copy_attributes(int from, int to) {
  const ssize_t size = ::flistxattr(from, nullptr, 0);
  if (size < 0) {
    return errno == ENOTSUP ? Result<>() : Result<>(errno_error("listing attributes"));
  }
  std::string names(static_cast<std::size_t>(size), '\0');
  if (::flistxattr(from, names.data(), names.size()) != size) {
    return errno_error("listing attributes");
  }
  for (std::size_t at = 0; at < names.size(); at += std::strlen(names.data() + at) + 1) {
    const std::string name = names.data() + at;
    auto value = attribute_of(from, name);
    if (!value) {
      return value.error();
    }
    // A signature of the content would be wrong, and the kernel lets nobody copy one: refused.
    if (::fsetxattr(to, name.c_str(), value->data(), value->size(), 0) != 0) {
      return errno_error("the attribute " + name + " cannot be kept");
    }
  }
  return {};
}

Result<> copy_owner_and_mode(const struct stat& from, int to) {
  struct stat now {};
  if (::fstat(to, &now) != 0) {
    return errno_error("looking at the patched file");
  }
  const bool differs = now.st_uid != from.st_uid || now.st_gid != from.st_gid;
  if (differs && ::fchown(to, from.st_uid, from.st_gid) != 0) {
    return errno_error("owner and group cannot be kept");
  }
  return ::fchmod(to, from.st_mode & 07777) == 0 ? Result<>()
                                                 : Result<>(errno_error("the mode cannot be kept"));
}

Result<std::string> temporary_name() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    return errno_error("random name");
  }
  return std::string(kTemporary) + std::to_string(random);
}

/// Files of a helper that was killed while it wrote.
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

std::string read_only_hint(const Error& error, const std::string& directory) {
  return error.code == boost::system::errc::read_only_file_system
             ? ": the unit of the helper may write only to the known install places; add "
               "ReadWritePaths=" +
                   directory + " with: systemctl edit antigravity-proxy-helper.service"
             : "";
}

ExtensionReport refused(const std::string& path, const Error& error) {
  ExtensionReport report;
  report.path = path;
  report.state = ExtensionState::refused;
  // Our own words say all; those of the system need the system's reason.
  report.detail = error.code.category() == core::helper_category() ? error.context : error.text();
  return report;
}

std::string detail_of(ExtensionState state, std::size_t initialisers, const std::string& backup) {
  switch (state) {
    case ExtensionState::absent:
      return "no IDE is installed there";
    case ExtensionState::not_applicable:
      return "0 matches: this build has no such initialiser, there is nothing to patch";
    case ExtensionState::applicable:
      return "1 match: ide-patch apply would enable it";
    case ExtensionState::patched:
      return "enabled by ide-patch; the original is " + backup;
    case ExtensionState::enabled:
      return "enabled, but not by ide-patch: nothing can be reverted";
    case ExtensionState::undone:
      return "changed since it was patched, by an update of the IDE: the patch is gone. Patch the "
             "new one with ide-patch apply, or remove the backup " +
             backup + " with ide-patch forget";
    case ExtensionState::unrecognised:
      return std::to_string(initialisers) +
             " matches where known builds have 1: not touched, report it";
    case ExtensionState::refused:
      return "";
  }
  return "";
}

}  // namespace

/// The file, its backup and the directory of both, judged safe to touch.
struct ExtensionStore::Seen {
  std::string path;
  std::string directory_path;
  std::string name;
  UniqueFd directory;
  Content file;
  std::optional<Content> backup;
  /// The backup is the file itself: an apply was killed between its two steps.
  bool is_half_applied = false;

  [[nodiscard]] std::string backup_name() const { return name + kBackupSuffix; }
  [[nodiscard]] ExtensionState state() const {
    return core::judge_extension(file.text, backup && !is_half_applied
                                                ? std::optional<std::string_view>(backup->text)
                                                : std::nullopt);
  }
  [[nodiscard]] ExtensionReport report() const {
    ExtensionReport report;
    report.path = path;
    report.state = state();
    report.sha256 = core::sha256_hex(file.text);
    if (backup && !is_half_applied) {
      report.backup_sha256 = core::sha256_hex(backup->text);
    }
    report.detail =
        detail_of(report.state, core::scan_extension(file.text).unspecified, path + kBackupSuffix);
    return report;
  }
};

/// Two files in memory at a time, not four.
void ExtensionStore::release(Seen seen) {
  (void)seen;  // ends here
}

void ExtensionStore::done(const char* step) const {
  if (conditions_.after_step) {
    conditions_.after_step(step);
  }
}

Result<> ExtensionStore::judge_path(const std::string& path) const {
  auto parts = path_parts(path);
  if (!parts) {
    return parts.error();
  }
  std::erase_if(*parts, [this](const core::PathPart& part) {
    return conditions_.trusted_below.starts_with(part.path);
  });
  return core::judge_shipped_file(*parts, conditions_.owner);
}

Result<ExtensionStore::Seen> ExtensionStore::see(const std::string& path) const {
  if (auto safe = judge_path(path); !safe) {
    return safe.error();
  }
  // Only the owner of all these parts can lead elsewhere from here on.
  Seen seen;
  seen.path = path;
  std::tie(seen.directory_path, seen.name) = split(path);
  auto directory = open_directory(seen.directory_path);
  if (!directory) {
    return directory.error();
  }
  seen.directory = std::move(*directory);
  auto file = read_file(seen.directory.get(), seen.name, path);
  if (!file) {
    return file.error();
  }
  seen.file = std::move(*file);
  struct stat at_backup {};
  const auto backup_name = seen.backup_name();
  if (::fstatat(seen.directory.get(), backup_name.c_str(), &at_backup, AT_SYMLINK_NOFOLLOW) == 0) {
    auto backup = read_file(seen.directory.get(), backup_name, path + kBackupSuffix);
    if (!backup) {
      return backup.error();
    }
    if (backup->seen.st_uid != conditions_.owner ||
        (backup->seen.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return Error(Errc::file, path + kBackupSuffix + " belongs to or can be written by others");
    }
    seen.backup = std::move(*backup);
    seen.is_half_applied = is_same_file(seen.file.seen, seen.backup->seen);
  }
  const nlink_t expected_links = seen.is_half_applied ? 2 : 1;
  if (seen.file.seen.st_nlink != expected_links ||
      (seen.backup && seen.backup->seen.st_nlink != expected_links)) {
    return Error(Errc::file, path +
                                 " has hard links elsewhere, which would keep or get another "
                                 "content: not touched");
  }
  return seen;
}

ExtensionReport ExtensionStore::look(const std::string& path) {
  auto seen = see(path);
  if (seen) {
    return seen->report();
  }
  if (seen.error().code != boost::system::errc::no_such_file_or_directory) {
    return refused(path, seen.error());
  }
  ExtensionReport report;
  report.path = path;
  // An IDE that was removed leaves what its package does not know.
  report.state = path_parts(path + kBackupSuffix) ? ExtensionState::undone : ExtensionState::absent;
  report.detail = report.state == ExtensionState::absent
                      ? detail_of(report.state, 0, "")
                      : "the IDE was removed: remove the backup " + path + kBackupSuffix +
                            " with ide-patch forget";
  return report;
}

core::ExtensionFiles::Change ExtensionStore::forget_orphan(const std::string& path) const {
  const auto backup = path + kBackupSuffix;
  if (auto safe = judge_path(backup); !safe) {
    return {false, refused(path, safe.error())};
  }
  const auto [directory_path, name] = split(backup);
  auto directory = open_directory(directory_path);
  if (!directory) {
    return {false, refused(path, directory.error())};
  }
  if (::unlinkat(directory->get(), name.c_str(), 0) != 0) {
    return {false, refused(path, errno_error("removing the backup"))};
  }
  ExtensionReport report;
  report.path = path;
  report.detail = detail_of(report.state, 0, "");
  return {true, std::move(report)};
}

Result<> ExtensionStore::put_backup(const Seen& seen) const {
  const auto backup = seen.backup_name();
  if (seen.backup && !seen.is_half_applied) {
    // Of a version that an update has replaced.
    if (::unlinkat(seen.directory.get(), backup.c_str(), 0) != 0) {
      return errno_error("removing the backup of an older version");
    }
    done("old backup removed");
  }
  if (!seen.is_half_applied && ::linkat(seen.directory.get(), seen.name.c_str(),
                                        seen.directory.get(), backup.c_str(), 0) != 0) {
    return errno_error("making the backup");
  }
  // It must be on the disk before the file is replaced.
  if (::fsync(seen.directory.get()) != 0) {
    return errno_error("making the backup");
  }
  done("backup made");
  return {};
}

Result<> ExtensionStore::replace(const Seen& seen, const std::string& from) const {
  struct stat now {};
  if (::fstatat(seen.directory.get(), seen.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0 ||
      !is_unchanged(now, seen.file.seen)) {
    return Error(Errc::file, seen.path + " " + kTryAgain);
  }
  if (::renameat(seen.directory.get(), from.c_str(), seen.directory.get(), seen.name.c_str()) !=
      0) {
    return errno_error("replacing " + seen.path);
  }
  done("replaced");
  (void)::fsync(seen.directory.get());  // either name is right after a power cut
  return {};
}

Result<> ExtensionStore::put_patched(const Seen& seen) const {
  const auto patched = core::patched_extension(seen.file.text);
  if (!patched) {
    return Error(Errc::file, "nothing to patch");  // the caller has looked
  }
  auto name = temporary_name();
  if (!name) {
    return name.error();
  }
  const UniqueFd file(::openat(seen.directory.get(), name->c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return errno_error("writing beside " + seen.path);
  }
  done("created");
  Result<> outcome;
  for (const auto part : {patched->before, patched->value, patched->after}) {
    if (outcome) {
      outcome = write_all(file.get(), part);
    }
  }
  if (outcome) {
    outcome = copy_owner_and_mode(seen.file.seen, file.get());
  }
  if (outcome) {
    outcome = copy_attributes(seen.file.file.get(), file.get());
  }
  if (outcome && ::fsync(file.get()) != 0) {
    outcome = errno_error("writing the patched file");
  }
  if (outcome) {
    done("written");
    outcome = put_backup(seen);
    if (outcome) {
      outcome = replace(seen, *name);
      if (!outcome) {
        // The name may stand for another file by now; what it had is not needed as a backup.
        (void)::unlinkat(seen.directory.get(), seen.backup_name().c_str(), 0);
      }
    }
  }
  if (!outcome) {
    (void)::unlinkat(seen.directory.get(), name->c_str(), 0);  // the error is what failed before
  }
  return outcome;
}

core::ExtensionFiles::Change ExtensionStore::apply(const std::string& path) {
  auto seen = see(path);
  if (!seen) {
    return {false, look(path)};
  }
  const bool is_patchable =
      core::patched_extension(seen->file.text).has_value() &&
      (seen->state() == ExtensionState::applicable || seen->state() == ExtensionState::undone);
  if (!is_patchable) {
    return {false, seen->report()};
  }
  remove_leftovers(seen->directory.get());
  if (auto put = put_patched(*seen); !put) {
    auto report = refused(path, put.error());
    report.detail =
        "not patched: " + report.detail + read_only_hint(put.error(), seen->directory_path);
    return {false, std::move(report)};
  }
  release(std::move(*seen));
  return {true, look(path)};
}

core::ExtensionFiles::Change ExtensionStore::revert(const std::string& path,
                                                    WhenUndone when_undone) {
  auto seen = see(path);
  if (!seen) {
    auto report = look(path);
    const bool is_orphan = report.state == ExtensionState::undone;
    return is_orphan && when_undone == WhenUndone::forget ? forget_orphan(path)
                                                          : Change{false, std::move(report)};
  }
  if (!seen->backup) {
    return {false, seen->report()};
  }
  const auto state = seen->state();
  // What was there before is there again: only the second name of it is too much.
  const bool is_original = seen->is_half_applied || seen->backup->text == seen->file.text;
  if (state == ExtensionState::undone && !is_original && when_undone == WhenUndone::refuse) {
    auto report = seen->report();
    report.detail = "not reverted: " + report.detail;
    return {false, std::move(report)};
  }
  remove_leftovers(seen->directory.get());
  Result<> outcome;
  if (state == ExtensionState::patched) {
    outcome = replace(*seen, seen->backup_name());
  } else if (::unlinkat(seen->directory.get(), seen->backup_name().c_str(), 0) != 0) {
    outcome = errno_error("removing the backup");
  }
  if (!outcome) {
    auto report = refused(path, outcome.error());
    report.detail =
        "not reverted: " + report.detail + read_only_hint(outcome.error(), seen->directory_path);
    return {false, std::move(report)};
  }
  release(std::move(*seen));
  return {true, look(path)};
}

}  // namespace agp::os
