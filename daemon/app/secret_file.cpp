#include "daemon/app/secret_file.h"

#include "common/base/unique_fd.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::app {

namespace errc = boost::system::errc;

Result<Secret<std::string>> read_secret_file(const std::string& key,
                                             const std::string& file,
                                             std::size_t most) {
  const std::string what = key + " " + file;
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) {
    return errno_error(what);
  }
  if (!S_ISREG(status.st_mode) || (status.st_mode & S_IROTH) != 0) {
    return Error{make_error_code(errc::permission_denied),
                 what +
                     " must be a file that others cannot read; try: chown "
                     "root:antigravity-proxy and chmod 0640"};
  }
  std::string text(most + 1, '\0');
  const auto size = ::read(fd.get(), text.data(), text.size());
  const int failure = errno;
  const bool is_whole = size >= 0 && static_cast<std::size_t>(size) <= most;
  Secret<std::string> secret(is_whole ? text.substr(0, static_cast<std::size_t>(size))
                                      : std::string());
  ::explicit_bzero(text.data(), text.size());
  if (size < 0) {
    return errno_error(failure, what);
  }
  if (!is_whole) {
    return Error{make_error_code(errc::file_too_large),
                 what + " is longer than " + std::to_string(most) + " octets"};
  }
  return secret;
}

}  // namespace agp::app
