#include "daemon/io/proxy_handshake.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <arpa/inet.h>

namespace agp::io {
namespace {

namespace errc = boost::system::errc;

class ProxyCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "upstream proxy"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<ProxyErrc>(value)) {
      case ProxyErrc::authentication:
        return "the proxy does not let us in; check upstream.proxy_credentials_file";
      case ProxyErrc::refused:
        return "the proxy's rules forbid this destination";
      case ProxyErrc::unreachable:
        return "the proxy cannot reach the destination";
      case ProxyErrc::malformed:
        return "this is not the answer of such a proxy; check upstream.proxy";
      case ProxyErrc::too_long:
        return "the proxy's answer is too long";
    }
    return "unknown";
  }
};

Error failed(ProxyErrc code, std::string what) {
  return {make_error_code(code), "upstream.proxy: " + std::move(what)};
}

constexpr std::uint8_t kSocksVersion = 5;
constexpr std::uint8_t kPasswordVersion = 1;
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kUserPassword = 2;
constexpr std::uint8_t kConnect = 1;
constexpr std::uint8_t kIPv4 = 1;
constexpr std::uint8_t kName = 3;
constexpr std::uint8_t kIPv6 = 4;

std::string base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = (bits << 8U) | (i + k < text.size() ? static_cast<std::uint8_t>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out.push_back(i + k > text.size() ? '=' : kDigits[(bits >> (18U - 6U * k)) & 63U]);
    }
  }
  return out;
}

}  // namespace

const boost::system::error_category& proxy_category() {
  static const ProxyCategory instance;
  return instance;
}

bool may_be_asked_by_name(const std::string& host) {
  // "x.LOCAL" and "x.local." are x.local to whoever resolves them.
  const auto name = config::normal_host_name(host);
  if (!name || name->find('.') == std::string::npos) {
    return false;
  }
  // RFC 6761, RFC 6762, RFC 8375 and the root zone's .internal: names of somebody's own network.
  for (const std::string_view local :
       {".localhost", ".local", ".internal", ".home.arpa", ".localdomain"}) {
    if (name->ends_with(local)) {
      return false;
    }
  }
  return true;
}

Result<ProxyCredentials> parse_proxy_credentials(std::string_view text) {
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  constexpr std::size_t kLongest = 255;  // RFC 1929
  const auto colon = text.find(':');
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  };
  if (colon == std::string_view::npos || colon == 0 || colon > kLongest ||
      text.size() - colon - 1 > kLongest || std::any_of(text.begin(), text.end(), is_control)) {
    return Error{make_error_code(errc::invalid_argument),
                 "expected one line user:password, at most 255 octets each"};
  }
  return ProxyCredentials{Secret<std::string>(std::string(text.substr(0, colon))),
                          Secret<std::string>(std::string(text.substr(colon + 1)))};
}

ProxyHandshake::ProxyHandshake(const UpstreamProxy* proxy, ProxyTarget target)
    : proxy_(proxy), target_(std::move(target)), phase_(Phase::http_answer) {
  switch (proxy_->url.scheme) {
    case config::ProxyUrl::Scheme::http:
      send_http_request();
      break;
    case config::ProxyUrl::Scheme::socks5:
      send_socks_greeting();
      break;
  }
}

Buffer ProxyHandshake::take_output() {
  return std::exchange(output_, {});
}

Result<std::size_t> ProxyHandshake::feed(Bytes in) {
  std::size_t taken = 0;
  while (taken < in.size() && phase_ != Phase::open) {
    if (phase_ == Phase::http_answer) {
      received_.push_back(in[taken++]);
      ++answered_;
      if (as_text(received_).ends_with("\r\n\r\n")) {
        if (auto done = on_http_head(as_text(received_)); !done) {
          return done.error();
        }
      }
      if (answered_ >= kProxyAnswerLimit && phase_ != Phase::open) {
        return failed(ProxyErrc::too_long, "CONNECT");
      }
      continue;
    }
    const auto size = std::min(wanted() - received_.size(), in.size() - taken);
    append(received_, in.subspan(taken, size));
    taken += size;
    if (received_.size() == wanted()) {
      if (auto done = on_socks_message(); !done) {
        return done.error();
      }
    }
  }
  return taken;
}

void ProxyHandshake::send_http_request() {
  const bool is_v6 = target_.host.find(':') != std::string::npos;
  const std::string authority =
      (is_v6 ? '[' + target_.host + ']' : target_.host) + ':' + std::to_string(target_.port);
  std::string head = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy_->user.empty()) {
    head += "Proxy-Authorization: Basic " +
            base64(proxy_->user.expose() + ':' + proxy_->password.expose()) + "\r\n";
  }
  head += "\r\n";
  append(output_, as_bytes(head));
  phase_ = Phase::http_answer;
}

Result<> ProxyHandshake::on_http_head(std::string_view head) {
  const auto line = head.substr(0, head.find("\r\n"));
  int status = 0;
  const auto* digits = line.data() + std::min<std::size_t>(line.size(), 9);
  const auto [stop, problem] = std::from_chars(digits, line.data() + line.size(), status);
  // "-20" has three characters, too.
  if (!line.starts_with("HTTP/1.") || problem != std::errc{} || stop != digits + 3 ||
      digits[-1] != ' ' || status < 100) {
    return failed(ProxyErrc::malformed, "CONNECT");
  }
  const std::string what = "CONNECT answered " + std::to_string(status);
  if (status >= 200 && status < 300) {
    // RFC 9110: Content-Length and Transfer-Encoding of such an answer mean nothing.
    phase_ = Phase::open;
    received_ = {};
    return {};
  }
  if (status < 200) {
    received_.clear();  // an interim answer; the final one follows
    return {};
  }
  switch (status) {
    case 401:
    case 407:
      return failed(ProxyErrc::authentication, what);
    case 502:
    case 503:
    case 504:
      return failed(ProxyErrc::unreachable, what);
    default:
      return failed(ProxyErrc::refused, what);
  }
}

void ProxyHandshake::send_socks_greeting() {
  if (proxy_->user.empty()) {
    output_ = {kSocksVersion, 1, kNoAuthentication};
  } else {
    output_ = {kSocksVersion, 2, kNoAuthentication, kUserPassword};
  }
  phase_ = Phase::socks_method;
}

void ProxyHandshake::send_socks_password() {
  const auto& user = proxy_->user.expose();
  const auto& password = proxy_->password.expose();
  output_.push_back(kPasswordVersion);
  output_.push_back(static_cast<std::uint8_t>(user.size()));
  append(output_, as_bytes(user));
  output_.push_back(static_cast<std::uint8_t>(password.size()));
  append(output_, as_bytes(password));
  phase_ = Phase::socks_password;
}

void ProxyHandshake::send_socks_request() {
  append(output_, std::array<std::uint8_t, 3>{kSocksVersion, kConnect, 0});
  std::array<std::uint8_t, 16> address{};
  if (::inet_pton(AF_INET, target_.host.c_str(), address.data()) == 1) {
    output_.push_back(kIPv4);
    append(output_, Bytes(address).first(4));
  } else if (::inet_pton(AF_INET6, target_.host.c_str(), address.data()) == 1) {
    output_.push_back(kIPv6);
    append(output_, address);
  } else {
    output_.push_back(kName);
    output_.push_back(static_cast<std::uint8_t>(target_.host.size()));  // DNS: at most 253
    append(output_, as_bytes(target_.host));
  }
  output_.push_back(static_cast<std::uint8_t>(target_.port >> 8U));
  output_.push_back(static_cast<std::uint8_t>(target_.port & 0xffU));
  phase_ = Phase::socks_reply;
}

// Octets of the message in progress, as far as its length is known.
std::size_t ProxyHandshake::wanted() const {
  if (phase_ != Phase::socks_reply) {
    return 2;
  }
  constexpr std::size_t kUpToLength = 5;  // version, reply, reserved, type, first address octet
  constexpr std::size_t kPort = 2;
  if (received_.size() < kUpToLength) {
    return kUpToLength;
  }
  switch (received_[3]) {
    case kIPv4:
      return kUpToLength - 1 + 4 + kPort;
    case kIPv6:
      return kUpToLength - 1 + 16 + kPort;
    default:  // a name, or a type that on_socks_reply refuses
      return kUpToLength + received_[4] + kPort;
  }
}

Result<> ProxyHandshake::on_socks_message() {
  const auto version = received_[0];
  const auto second = received_[1];
  switch (phase_) {
    case Phase::socks_method:
      received_.clear();
      if (version != kSocksVersion) {
        return failed(ProxyErrc::malformed, "SOCKS5 greeting");
      }
      if (second == kNoAuthentication) {
        send_socks_request();
      } else if (second == kUserPassword && !proxy_->user.empty()) {
        send_socks_password();
      } else {
        return failed(ProxyErrc::authentication, "SOCKS5 method");
      }
      break;
    case Phase::socks_password:
      received_.clear();
      if (version != kPasswordVersion || second != 0) {
        return failed(ProxyErrc::authentication, "SOCKS5 user name and password");
      }
      send_socks_request();
      break;
    case Phase::socks_reply:
      if (auto done = on_socks_reply(); !done) {
        return done;
      }
      received_ = {};
      phase_ = Phase::open;
      break;
    case Phase::http_answer:
    case Phase::open:
      break;
  }
  return {};
}

Result<> ProxyHandshake::on_socks_reply() {
  const auto type = received_[3];
  if (received_[0] != kSocksVersion) {
    return failed(ProxyErrc::malformed, "SOCKS5 reply");
  }
  switch (received_[1]) {  // RFC 1928 section 6
    case 0:
      break;
    case 2:
      return failed(ProxyErrc::refused, "SOCKS5 reply 2, connection not allowed by ruleset");
    case 3:
      return failed(ProxyErrc::unreachable, "SOCKS5 reply 3, network unreachable");
    case 4:
      return failed(ProxyErrc::unreachable, "SOCKS5 reply 4, host unreachable");
    case 5:
      return failed(ProxyErrc::unreachable, "SOCKS5 reply 5, connection refused");
    case 6:
      return failed(ProxyErrc::unreachable, "SOCKS5 reply 6, time to live expired");
    default:
      return failed(ProxyErrc::refused, "SOCKS5 reply " + std::to_string(received_[1]));
  }
  if (type != kIPv4 && type != kName && type != kIPv6) {
    return failed(ProxyErrc::malformed, "SOCKS5 address type");
  }
  return {};
}

}  // namespace agp::io
