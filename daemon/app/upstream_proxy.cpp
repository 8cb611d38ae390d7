#include "daemon/app/upstream_proxy.h"

#include "daemon/app/secret_file.h"

#include <utility>

namespace agp::app {
namespace {

namespace errc = boost::system::errc;

constexpr std::size_t kCredentialsLimit = 1024;  // two parts of at most 255 octets

Result<io::ProxyCredentials> read_credentials(const std::string& file) {
  const std::string key = "upstream.proxy_credentials_file";
  auto text = read_secret_file(key, file, kCredentialsLimit);
  if (!text) {
    return text.error();
  }
  auto parsed = io::parse_proxy_credentials(text->expose());
  if (!parsed) {
    return Error{parsed.error().code, key + " " + file + ": " + parsed.error().context};
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
