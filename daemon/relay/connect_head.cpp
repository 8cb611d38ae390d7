#include "daemon/relay/connect_head.h"

#include <charconv>

namespace agp::relay {
namespace {

namespace errc = boost::system::errc;

Error malformed(const char* what) {
  return {make_error_code(errc::invalid_argument), what};
}

// A request line of HTTP/1 all the same: METHOD target HTTP/1.x.
bool is_other_method(std::string_view line) {
  const auto end = line.find(' ');
  const auto last = line.rfind(' ');
  return end != 0 && end != last && last != std::string_view::npos &&
         line.substr(last + 1).starts_with("HTTP/1.") && line.substr(0, end) != "CONNECT" &&
         line.substr(0, end).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
             std::string_view::npos;
}

}  // namespace

Result<std::optional<ConnectTarget>> parse_connect_head(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kConnectHeadLimit) {
      return Error{make_error_code(errc::message_size), "CONNECT head"};
    }
    return std::optional<ConnectTarget>{};
  }
  if (end + 4 > kConnectHeadLimit) {
    return Error{make_error_code(errc::message_size), "CONNECT head"};
  }
  const auto line = bytes.substr(0, bytes.find("\r\n"));
  constexpr std::string_view kMethod = "CONNECT ";
  const auto space = line.rfind(' ');
  if (is_other_method(line)) {
    return Error{make_error_code(errc::not_supported), "expected CONNECT"};
  }
  if (!line.starts_with(kMethod) || space < kMethod.size() ||
      !line.substr(space + 1).starts_with("HTTP/1.")) {
    return malformed("expected CONNECT host:port HTTP/1.1");
  }
  auto authority = line.substr(kMethod.size(), space - kMethod.size());
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return malformed("expected host:port");
  }
  const auto digits = authority.substr(colon + 1);
  auto host = authority.substr(0, colon);
  ConnectTarget target;
  const auto [stop, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), target.port);
  if (problem != std::errc{} || stop != digits.data() + digits.size() || target.port == 0) {
    return malformed("expected a port from 1 to 65535");
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty() || host.size() > 253 ||
      host.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") !=
          std::string_view::npos) {
    return malformed("expected a host name or address");
  }
  target.host = host;
  for (char& c : target.host) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  target.head_size = end + 4;
  return std::optional<ConnectTarget>{std::move(target)};
}

}  // namespace agp::relay
