#include "daemon/app/attached_ls.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace agp::app {
namespace {

// A missing setting is an empty file.
Result<std::string> text_of(const std::optional<std::string>& path) {
  if (!path) {
    return std::string();
  }
  std::ifstream file(*path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    return errno_error(errno == 0 ? EIO : errno, "read " + *path);
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<AttachedLs>> AttachedLs::open(const daemon_config::AttachedLs& where) {
  auto token = text_of(where.token_file);
  if (!token) {
    return token.error();
  }
  auto certificate = text_of(where.certificate_file);
  if (!certificate) {
    return certificate.error();
  }
  while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) {
    token->pop_back();
  }
  auto endpoint = std::make_shared<ls::Endpoint>();
  endpoint->instance = kInstance;
  endpoint->port = where.port;
  endpoint->csrf_token = Secret<std::string>(std::move(*token));
  endpoint->certificate_pem = std::move(*certificate);
  return std::make_unique<AttachedLs>(std::move(endpoint));
}

}  // namespace agp::app
