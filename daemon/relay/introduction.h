#pragma once

#include "common/base/bytes.h"
#include "daemon/relay/surroundings.h"
#include "daemon/tls/client_hello.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::relay {

inline constexpr std::string_view kHttp11 = "http/1.1";
inline constexpr std::string_view kHttp2 = "h2";

/// What a client says before there is anybody to say it to: read for where it wants to go, and kept
/// until upstream is there.
class Introduction {
 public:
  /// @param cleartext_host  what a client that speaks cleartext to us means; empty for TLS.
  explicit Introduction(std::optional<std::string> cleartext_host);

  /// Any split is equivalent. Not after it has returned something.
  /// @return what the client says about where it wants to go, once it has said it.
  [[nodiscard]] std::optional<Hello> feed(Bytes in);

  /// Keeps what follows too early.
  /// @return false when that is more than any client has to say before it is answered.
  [[nodiscard]] bool hold(Bytes in);

  /// Everything so far, unchanged.
  [[nodiscard]] Bytes octets() const { return octets_; }
  [[nodiscard]] Buffer take_octets();

  /// The protocols that the client offers, in its order; of a cleartext client the one it speaks.
  [[nodiscard]] const std::vector<std::string>& offers() const { return offers_; }
  /// Rules can be applied to HTTP alone, so that nothing else is agreed on.
  void offer_only_http();

 private:
  [[nodiscard]] std::optional<Hello> feed_cleartext();

  std::optional<std::string> cleartext_host_;
  std::unique_ptr<tls::ClientHelloReader> reader_;  // until the hello is whole
  Buffer octets_;
  std::vector<std::string> offers_;
};

}  // namespace agp::relay
