#include "daemon/app/upstream_proxy.h"

#include "common/base/unique_fd.h"

#include <array>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::app {
namespace {

namespace errc = boost::system::errc;

Result<io::ProxyCredentials> read_credentials(const std::string& file) {
  const std::string what = "upstream.proxy_credentials_file " + file;
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
  std::array<char, 1024> bytes{};  // two parts of at most 255 octets
  const auto size = ::read(fd.get(), bytes.data(), bytes.size());
  if (size < 0) {
    return errno_error(what);
  }
  Secret<std::string> text(std::string(bytes.data(), static_cast<std::size_t>(size)));
  ::explicit_bzero(bytes.data(), bytes.size());
  auto parsed = io::parse_proxy_credentials(text.expose());
  if (!parsed) {
    return Error{parsed.error().code, what + ": " + parsed.error().context};
  }
  return parsed;
}

}  // namespace

Result<std::shared_ptr<const io::UpstreamProxy>> load_upstream_proxy(
    const daemon_config::Upstream& upstream) {
  using Loaded = std::shared_ptr<const io::UpstreamProxy>;
  if (!upstream.proxy) {
    return Loaded();
  }
  auto made = std::make_shared<io::UpstreamProxy>();
  made->url = *upstream.proxy;
  made->by_name = upstream.proxy_target == daemon_config::ProxyTarget::name;
  if (upstream.proxy_credentials_file) {
    auto credentials = read_credentials(*upstream.proxy_credentials_file);
    if (!credentials) {
      return credentials.error();
    }
    made->user = std::move(credentials->user);
    made->password = std::move(credentials->password);
  }
  return Loaded(std::move(made));
}

}  // namespace agp::app
