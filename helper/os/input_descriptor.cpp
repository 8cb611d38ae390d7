#include "helper/os/input_descriptor.h"

#include "helper/core/arguments.h"
#include "helper/core/errc.h"

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::os {
namespace {

constexpr int kAllSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

Result<UniqueFd> check_input(UniqueFd input) {
  const Error refused(
      core::Errc::invalid_argument,
      "stdin must be the reading end of a pipe or a sealed memfd of at most 64 KiB");
  struct stat seen {};
  const int flags = ::fcntl(input.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY ||
      ::fstat(input.get(), &seen) != 0) {
    return refused;
  }
  if (S_ISFIFO(seen.st_mode)) {
    // One that can also be written to would keep its own end open for ever.
    return (flags & O_ACCMODE) == O_RDONLY ? Result<UniqueFd>(std::move(input)) : refused;
  }
  const int seals = S_ISREG(seen.st_mode) ? ::fcntl(input.get(), F_GET_SEALS) : -1;
  if (seals < 0 || (seals & kAllSeals) != kAllSeals ||
      seen.st_size > static_cast<off_t>(core::kMaxStdinBytes) ||
      ::lseek(input.get(), 0, SEEK_SET) != 0) {
    return refused;
  }
  return input;
}

Result<UniqueFd> check_log(UniqueFd log) {
  struct stat seen {};
  const int flags = ::fcntl(log.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) != O_WRONLY ||
      ::fstat(log.get(), &seen) != 0 || !S_ISFIFO(seen.st_mode)) {
    return Error(core::Errc::invalid_argument, "log must be the writing end of a pipe");
  }
  return log;
}

}  // namespace agp::os
