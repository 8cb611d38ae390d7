#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The kinds of value that configuration files are made of: text in, value out, nullopt when the
/// text is not one.
namespace agp::config {

/// A host name or a pattern with one `*`, lower case, without trailing dot.
///
/// `*` stands for one or more characters. It crosses dots when it is a whole label
/// (`*.example.com`) or ends the pattern (`autopush-*`), and stays inside its label otherwise
/// (`*-aiplatform.googleapis.com`).
class HostPattern {
 public:
  [[nodiscard]] static std::optional<HostPattern> parse(std::string_view text);

  /// @param host  lower case, no trailing dot (see normal_host_name).
  [[nodiscard]] bool matches(std::string_view host) const;
  [[nodiscard]] bool is_exact() const { return star_ == std::string::npos; }
  /// Characters that are not the star: of two patterns that match, more literal is more specific.
  [[nodiscard]] std::size_t literal_size() const { return text_.size() - (is_exact() ? 0 : 1); }
  [[nodiscard]] const std::string& text() const { return text_; }
  /// The whole labels after the star: `googleapis.com` of `*-aiplatform.googleapis.com`. The name
  /// itself when exact; empty when the star ends the pattern.
  [[nodiscard]] std::string_view domain() const;

  friend bool operator==(const HostPattern&, const HostPattern&) = default;

 private:
  std::string text_;
  std::size_t star_ = std::string::npos;
};

/// Lower case and without one trailing dot, when `name` is a DNS host name (labels of letters,
/// digits, hyphens and underscores, at most 63 each and 253 in all) and no IP address literal.
[[nodiscard]] std::optional<std::string> normal_host_name(std::string_view name);

/// An IP network. IPv4 is kept as IPv4, and v4-mapped IPv6 addresses match as IPv4.
struct Network {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> address{};  // network order; the first 4 count when not is_v6
  int prefix = 0;

  /// "10.0.0.0/8", "fd00::/8", or a single address. Bits after the prefix must be zero.
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);
  /// @param octets  4 or 16 of them, network order.
  [[nodiscard]] bool contains(const std::uint8_t* octets, std::size_t size) const;
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Network&, const Network&) = default;
};

/// A numeric address and port to listen on.
struct Endpoint {
  std::string address;  // no brackets
  std::uint16_t port = 0;

  /// "127.0.0.1:8741", "[::1]:8741". Port 0 lets the kernel choose. Names are refused: what a
  /// name means can change.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A proxy to dial out through.
struct ProxyUrl {
  enum class Scheme { http, socks5 };
  Scheme scheme = Scheme::http;
  std::string host;  // name or numeric address, no brackets
  std::uint16_t port = 0;

  /// "http://proxy.example:3128", "socks5://[::1]:1080". The port is required; user names,
  /// passwords, paths and queries are refused.
  [[nodiscard]] static std::optional<ProxyUrl> parse(std::string_view text);

  friend bool operator==(const ProxyUrl&, const ProxyUrl&) = default;
};

/// A receiver of HTTP requests.
struct HttpUrl {
  bool is_tls = true;
  std::string host;  // name or numeric address, no brackets
  std::uint16_t port = 0;
  std::string target;  // path and query; begins with a slash

  /// "https://HOST/PATH", or "http://LOOPBACK/PATH" of this machine: nothing goes over a network in
  /// clear. User names, passwords and fragments are refused; the port may be left out.
  [[nodiscard]] static std::optional<HttpUrl> parse(std::string_view text);
  /// "host:port", as in a Host field.
  [[nodiscard]] std::string authority() const;
  /// Scheme, host and port.
  [[nodiscard]] std::string origin() const;

  friend bool operator==(const HttpUrl&, const HttpUrl&) = default;
};

[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
/// "512", "64KiB", "1MiB", "2GiB": octets.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
/// "250ms", "10s", "5m", "2h", "30d". The unit is required.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// Absolute, no "." or ".." component, no NUL, shorter than PATH_MAX.
[[nodiscard]] bool is_absolute_path(std::string_view text);

/// The shortest spelling that parses back to the same value.
[[nodiscard]] std::string size_text(std::uint64_t octets);
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

}  // namespace agp::config
