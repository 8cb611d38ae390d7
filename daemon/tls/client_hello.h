#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/tls/errors.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace agp::tls {

/// Octets read before a ClientHello must be whole, record headers included. Hybrid key shares make
/// it 1.7 kB today; larger post-quantum ones and long session tickets add to that.
inline constexpr std::size_t kMaxClientHelloBytes = 64U << 10U;

/// What the relay wants to know of a ClientHello.
struct ClientHello {
  /// SNI, lower case, without trailing dot. Empty when there was none, or an IP address in its
  /// place (RFC 6066 forbids it, some clients send it).
  std::optional<std::string> server_name;
  /// In the client's order, verbatim; empty when the client sent no ALPN.
  std::vector<std::string> alpn;
  /// The versions offered (0x0304 is TLS 1.3), GREASE left out; the legacy field when the extension
  /// is absent.
  std::vector<std::uint16_t> versions;
  /// Encrypted ClientHello, real or GREASE (they look alike): `server_name` may be the outer name.
  bool has_ech = false;
  /// An IP address stood in place of the server name.
  bool has_address_as_name = false;

  friend bool operator==(const ClientHello&, const ClientHello&) = default;
};

/// Reads the first octets a client sends, without changing them: the caller keeps them to replay
/// them. Sans-io. State: records -> done | failed.
class ClientHelloReader {
 public:
  enum class Progress { need_more, done };

  explicit ClientHelloReader(std::size_t limit_bytes = kMaxClientHelloBytes)
      : limit_bytes_(limit_bytes) {}

  /// Feeds the next octets of the connection, in order. Any split is equivalent. Octets after the
  /// ClientHello are not looked at.
  /// @return Errc::not_tls, too_large or malformed; the same error again from then on.
  /// Source: RFC 8446 section 4.1.2 and 5.1, RFC 6066 section 3, RFC 7301 section 3.1.
  [[nodiscard]] Result<Progress> feed(Bytes bytes);

  /// Valid once feed() answered `done`.
  [[nodiscard]] const ClientHello& hello() const { return hello_; }

 private:
  enum class State { records, done, failed };

  [[nodiscard]] Result<Progress> fail(Errc errc, const char* what);
  [[nodiscard]] Result<Progress> advance();

  std::size_t limit_bytes_;
  State state_ = State::records;
  std::size_t total_ = 0;        // octets seen, headers included
  Buffer header_;                // of the record being read, up to 5 octets
  std::size_t record_left_ = 0;  // payload octets still to come
  Buffer message_;               // handshake octets, records joined
  ClientHello hello_;
  Error error_;
};

}  // namespace agp::tls
