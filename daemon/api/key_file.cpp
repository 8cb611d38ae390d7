#include "daemon/api/key_file.h"

#include "common/base/account.h"
#include "common/base/unique_fd.h"
#include "common/log/log.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace agp::api {
namespace {

constexpr std::size_t kMostOctets = 256 * 1024;

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace

KeyFile::KeyFile(std::string path, std::uint32_t owner) : path_(std::move(path)), owner_(owner) {}

std::optional<std::uint32_t> KeyFile::uid_of(std::string_view key) {
  refresh();
  return keys_.uid_of(key);
}

std::optional<Error> KeyFile::fault() {
  refresh();
  return fault_;
}

void KeyFile::refresh() {
  if (path_.empty()) {
    return;
  }
  struct stat now {};
  const bool is_there = ::lstat(path_.c_str(), &now) == 0;
  if (is_read_ && is_there && is_same(now, seen_)) {
    return;
  }
  struct stat seen {};
  auto loaded = load(&seen);
  seen_ = seen;
  is_read_ = static_cast<bool>(loaded);
  keys_ = loaded ? std::move(*loaded) : ApiKeys();
  const bool is_news = !loaded && (!fault_ || fault_->context != loaded.error().context);
  fault_ = loaded ? std::optional<Error>() : loaded.error();
  if (is_news) {
    log::err("API keys cannot be used, no key is accepted", {{"ERROR", *fault_}});
  }
}

Result<ApiKeys> KeyFile::load(struct stat* seen) const {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.is_open()) {
    return errno_error("open " + path_);
  }
  if (::fstat(fd.get(), seen) != 0) {
    return errno_error("look at " + path_);
  }
  if (!S_ISREG(seen->st_mode)) {
    return errno_error(EINVAL, path_ + " is not a file");
  }
  if (seen->st_uid != owner_ || (seen->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return errno_error(EPERM, path_ + " must belong to root and be writable for nobody else");
  }
  std::string text;
  char space[16 * 1024];
  while (text.size() <= kMostOctets) {
    const auto size = ::read(fd.get(), space, sizeof space);
    if (size < 0) {
      return errno_error("read " + path_);
    }
    if (size == 0) {
      auto keys = ApiKeys::parse(text, find_uid);
      return keys ? Result<ApiKeys>(std::move(*keys))
                  : Error(keys.error().code, path_ + ", " + keys.error().context);
    }
    text.append(space, static_cast<std::size_t>(size));
  }
  return errno_error(EFBIG, path_);
}

}  // namespace agp::api
