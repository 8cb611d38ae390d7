#include "daemon/ls/connect_error.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <boost/json/parse.hpp>

namespace agp::ls {
namespace {

constexpr std::size_t kErrorTextLimit = 500;

/// The status of an error whose body says nothing.
Errc code_of_status(unsigned status) {
  switch (status) {
    case 400:
      return Errc::internal;
    case 401:
      return Errc::unauthenticated;
    case 403:
      return Errc::permission_denied;
    case 404:
    case 501:  // not in the protocol's table, but what else can it mean
      return Errc::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Errc::unavailable;
    default:
      return Errc::unknown;
  }
}

}  // namespace

Error connect_error(const boost::json::object& error, const std::string& what) {
  const std::string message = text_at(error, "message").substr(0, kErrorTextLimit);
  Errc code = connect_code(text_at(error, "code"));
  // There is no code of its own for it, the text is all there is.
  if (code == Errc::unknown && message.find("is disabled") != std::string::npos) {
    code = Errc::disabled;
  }
  return {code, what + ": " + message};
}

Error http_error(unsigned status, std::string_view body, const std::string& what) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({body.data(), body.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr || text_at(*object, "code").empty()) {
    return {code_of_status(status), what + ": HTTP " + std::to_string(status)};
  }
  return connect_error(*object, what);
}

}  // namespace agp::ls
