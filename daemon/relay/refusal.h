#pragma once

#include "common/base/bytes.h"

#include <cstdint>

/// What a client is told that gets no connection.
namespace agp::relay {

// RFC 8446 section 6.
inline constexpr std::uint8_t kAlertAccessDenied = 49;
inline constexpr std::uint8_t kAlertInternalError = 80;
inline constexpr std::uint8_t kAlertNoApplicationProtocol = 120;

/// A fatal alert as a plaintext record, which is what alerts are before keys exist. It tells the
/// client at once and in its own words what would otherwise look like a hanging or broken server.
[[nodiscard]] Buffer plaintext_alert(std::uint8_t description);

/// The same for a client that speaks HTTP to us without TLS.
[[nodiscard]] Buffer cleartext_refusal(bool is_http2);

}  // namespace agp::relay
