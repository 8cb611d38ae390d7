#include "common/config/values.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <arpa/inet.h>
#include <limits.h>

namespace agp::config {
namespace {

constexpr std::size_t kMaxHostName = 253;
constexpr std::size_t kMaxLabel = 63;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

std::string lower_without_dot(std::string_view text) {
  if (text.ends_with('.')) {
    text.remove_suffix(1);
  }
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

// The shape of a host name, where `*` may stand for a label character.
bool has_host_shape(std::string_view name) {
  if (name.empty() || name.size() > kMaxHostName) {
    return false;
  }
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const auto end = std::min(name.find('.', begin), name.size());
    const auto label = name.substr(begin, end - begin);
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-') {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return is_label_character(c) || c == '*'; })) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

// A last label of digits only is an IPv4 address or nothing; no top-level domain looks like that.
bool has_numeric_end(std::string_view name) {
  const auto dot = name.rfind('.');
  const auto last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  return std::all_of(last.begin(), last.end(), is_digit);
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool is_bracketed = false;
};

std::optional<HostPort> split_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  if (!port || host.empty() || (!bracketed && host.find(':') != std::string_view::npos)) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port, bracketed};
}

bool is_address(const std::string& text, int family) {
  std::array<std::uint8_t, 16> raw{};
  return ::inet_pton(family, text.c_str(), raw.data()) == 1;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 3> kSizeUnits = {
    {{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}}};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text,
                                             const std::array<Unit, N>& units,
                                             std::uint64_t largest) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number<std::uint64_t>(text.substr(0, digits));
  if (!number) {
    return std::nullopt;
  }
  const auto name = text.substr(digits);
  for (const auto& unit : units) {
    if (unit.name == name) {
      return *number <= largest / unit.factor ? std::optional(*number * unit.factor) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<HostPattern> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  pattern.text_ = lower_without_dot(text);
  pattern.star_ = pattern.text_.find('*');
  if (!has_host_shape(pattern.text_) || has_numeric_end(pattern.text_)) {
    return std::nullopt;
  }
  if (pattern.is_exact()) {
    return pattern;
  }
  // One star, in the first label: a star further right would be a promise about other people's
  // domains. A lone star says nothing that `default` does not say better.
  const bool has_more = pattern.text_.find('*', pattern.star_ + 1) != std::string::npos;
  if (has_more || pattern.text_.size() == 1 || pattern.text_.find('.') < pattern.star_) {
    return std::nullopt;
  }
  return pattern;
}

bool HostPattern::matches(std::string_view host) const {
  if (is_exact()) {
    return host == text_;
  }
  const auto before = std::string_view(text_).substr(0, star_);
  const auto after = std::string_view(text_).substr(star_ + 1);
  if (host.size() <= before.size() + after.size() || !host.starts_with(before) ||
      !host.ends_with(after)) {
    return false;
  }
  const bool crosses_dots = after.empty() || (before.empty() && after.front() == '.');
  const auto star = host.substr(before.size(), host.size() - before.size() - after.size());
  return crosses_dots || star.find('.') == std::string_view::npos;
}

std::string_view HostPattern::domain() const {
  const std::string_view text(text_);
  if (is_exact()) {
    return text;
  }
  const auto dot = text.find('.', star_);
  return dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
}

std::optional<std::string> normal_host_name(std::string_view name) {
  auto out = lower_without_dot(name);
  if (!has_host_shape(out) || out.find('*') != std::string::npos || has_numeric_end(out)) {
    return std::nullopt;
  }
  return out;
}

std::optional<Network> Network::parse(std::string_view text) {
  Network network;
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  network.is_v6 = address.find(':') != std::string::npos;
  const int longest = network.is_v6 ? 128 : 32;
  if (::inet_pton(network.is_v6 ? AF_INET6 : AF_INET, address.c_str(), network.address.data()) !=
      1) {
    return std::nullopt;
  }
  network.prefix = longest;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number<int>(text.substr(slash + 1));
    if (!prefix || *prefix < 0 || *prefix > longest) {
      return std::nullopt;
    }
    network.prefix = *prefix;
  }
  for (int bit = network.prefix; bit < longest; ++bit) {
    if ((network.address[static_cast<std::size_t>(bit) / 8] >> (7 - bit % 8) & 1) != 0) {
      return std::nullopt;
    }
  }
  return network;
}

bool Network::contains(const std::uint8_t* octets, std::size_t size) const {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                           0, 0, 0, 0, 0xFF, 0xFF};
  if (size == 16 && std::equal(kMapped.begin(), kMapped.end(), octets)) {
    octets += kMapped.size();
    size = 4;
  }
  if (size != (is_v6 ? 16U : 4U)) {
    return false;
  }
  const auto whole = static_cast<std::size_t>(prefix) / 8;
  if (!std::equal(octets, octets + whole, address.begin())) {
    return false;
  }
  const int rest = prefix % 8;
  return rest == 0 || (octets[whole] ^ address[whole]) >> (8 - rest) == 0;
}

std::string Network::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  (void)::inet_ntop(is_v6 ? AF_INET6 : AF_INET, address.data(), buffer, sizeof buffer);
  return std::string(buffer) + '/' + std::to_string(prefix);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  auto parts = split_host_port(text);
  if (!parts || !is_address(parts->host, parts->is_bracketed ? AF_INET6 : AF_INET)) {
    return std::nullopt;
  }
  return Endpoint{std::move(parts->host), parts->port};
}

std::string Endpoint::text() const {
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? '[' + address + ']' : address) + ':' + std::to_string(port);
}

std::optional<ProxyUrl> ProxyUrl::parse(std::string_view text) {
  static constexpr std::string_view kHttp = "http://";
  static constexpr std::string_view kSocks = "socks5://";
  ProxyUrl url;
  if (text.starts_with(kHttp)) {
    text.remove_prefix(kHttp.size());
  } else if (text.starts_with(kSocks)) {
    url.scheme = Scheme::socks5;
    text.remove_prefix(kSocks.size());
  } else {
    return std::nullopt;
  }
  if (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  auto parts = split_host_port(text);
  if (!parts || parts->port == 0) {
    return std::nullopt;
  }
  const bool is_valid = parts->is_bracketed
                            ? is_address(parts->host, AF_INET6)
                            : is_address(parts->host, AF_INET) || normal_host_name(parts->host);
  if (!is_valid) {
    return std::nullopt;
  }
  url.host = std::move(parts->host);
  url.port = parts->port;
  return url;
}

std::optional<HttpUrl> HttpUrl::parse(std::string_view text) {
  static constexpr std::string_view kHttp = "http://";
  static constexpr std::string_view kHttps = "https://";
  const bool is_printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  HttpUrl url;
  if (text.starts_with(kHttps)) {
    text.remove_prefix(kHttps.size());
  } else if (text.starts_with(kHttp)) {
    url.is_tls = false;
    text.remove_prefix(kHttp.size());
  } else {
    return std::nullopt;
  }
  const auto slash = std::min(text.find('/'), text.size());
  url.target = text.substr(slash);
  std::string authority(text.substr(0, slash));
  if (authority.ends_with(']') || authority.find(':') == std::string::npos) {
    authority += url.is_tls ? ":443" : ":80";
  }
  auto parts = split_host_port(authority);
  if (!is_printable || url.target.empty() || !parts || parts->port == 0) {
    return std::nullopt;
  }
  const bool is_v4 = !parts->is_bracketed && is_address(parts->host, AF_INET);
  const bool is_valid = parts->is_bracketed ? is_address(parts->host, AF_INET6)
                                            : is_v4 || normal_host_name(parts->host);
  const bool is_here = (is_v4 && parts->host.starts_with("127.")) || parts->host == "::1" ||
                       parts->host == "localhost";
  if (!is_valid || (!url.is_tls && !is_here)) {
    return std::nullopt;
  }
  url.host = std::move(parts->host);
  url.port = parts->port;
  return url;
}

std::string HttpUrl::authority() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

std::string HttpUrl::origin() const {
  return (is_tls ? "https://" : "http://") + authority();
}

std::optional<bool> parse_boolean(std::string_view text) {
  for (const auto word : {"true", "yes", "on"}) {
    if (text == word) {
      return true;
    }
  }
  for (const auto word : {"false", "no", "off"}) {
    if (text == word) {
      return false;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_number<std::int64_t>(text);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (const auto octets = parse_number<std::uint64_t>(text)) {
    return octets;
  }
  return parse_with_unit(text, kSizeUnits, std::numeric_limits<std::uint64_t>::max());
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  // A hundred years: far below where arithmetic on time points would overflow.
  static constexpr std::uint64_t kLongest = 36'525ULL * 86'400'000ULL;
  const auto value = parse_with_unit(text, kTimeUnits, kLongest);
  if (!value) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

bool is_absolute_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() >= PATH_MAX ||
      text.find('\0') != std::string_view::npos) {
    return false;
  }
  const std::string slashed = std::string(text) + '/';
  return slashed.find("/../") == std::string::npos && slashed.find("/./") == std::string::npos;
}

std::string size_text(std::uint64_t octets) {
  for (const auto& unit : kSizeUnits) {
    if (octets != 0 && octets % unit.factor == 0) {
      return std::to_string(octets / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(octets);
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto value = static_cast<std::uint64_t>(duration.count());
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend(); ++unit) {
    if (value == 0 ? unit->name == "s" : value % unit->factor == 0) {
      return std::to_string(value / unit->factor) + std::string(unit->name);
    }
  }
  return {};
}

}  // namespace agp::config
