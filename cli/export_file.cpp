#include "cli/export_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::cli {
namespace {

Failure cannot_write(const std::string& path) {
  return {Exit::failed, "cannot_write", path + " cannot be written: " + std::strerror(errno),
          "choose another file with --output"};
}

// As open() would have made it.
mode_t usual_mode() {
  const mode_t mask = ::umask(0);
  (void)::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Answer<ExportFile> ExportFile::standard_output() {
  ExportFile out;
  out.fd_ = UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  out.is_standard_output_ = true;
  if (!out.fd_.is_open()) {
    return cannot_write("standard output");
  }
  return out;
}

Answer<ExportFile> ExportFile::open(const std::string& path) {
  ExportFile out;
  out.path_ = path;
  struct stat status {};
  const bool is_there = ::stat(path.c_str(), &status) == 0;
  if (is_there && !S_ISREG(status.st_mode)) {  // a terminal, a pipe, /dev/stdout
    out.fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return out.fd_.is_open() ? Answer<ExportFile>(std::move(out)) : cannot_write(path);
  }
  auto draft = path + ".XXXXXX";
  out.fd_ = UniqueFd(::mkostemp(draft.data(), O_CLOEXEC));
  if (!out.fd_.is_open()) {
    return cannot_write(path);
  }
  out.draft_ = draft;
  if (::fchmod(out.fd_.get(), is_there ? status.st_mode & 07777U : usual_mode()) != 0) {
    return cannot_write(path);
  }
  return out;
}

ExportFile::ExportFile(ExportFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::move(other.path_)),
      draft_(std::exchange(other.draft_, {})),
      is_standard_output_(other.is_standard_output_) {}

ExportFile::~ExportFile() {
  if (!draft_.empty()) {
    (void)::unlink(draft_.c_str());  // it was ours, and is of no use to anybody
  }
}

std::optional<Failure> ExportFile::finish() {
  if (draft_.empty()) {
    return std::nullopt;
  }
  if (::fsync(fd_.get()) != 0 || std::rename(draft_.c_str(), path_.c_str()) != 0) {
    return cannot_write(path_);
  }
  draft_.clear();
  return std::nullopt;
}

}  // namespace agp::cli
