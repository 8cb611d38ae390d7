#include "daemon/relay/refusal.h"

#include <string>
#include <string_view>

namespace agp::relay {

Buffer plaintext_alert(std::uint8_t description) {
  return {21, 3, 3, 0, 2, 2, description};
}

Buffer cleartext_refusal(bool is_http2) {
  Buffer out;
  if (is_http2) {
    // Empty SETTINGS, then GOAWAY: last stream 0, INTERNAL_ERROR (RFC 9113 section 6.8).
    static constexpr char kGoaway[] =
        "\0\0\0\4\0\0\0\0\0"
        "\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\2";
    append(out, as_bytes({kGoaway, sizeof kGoaway - 1}));
    return out;
  }
  const std::string body = "antigravity-proxy: upstream refused or unreachable, see its journal\n";
  const std::string answer =
      "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  append(out, as_bytes(answer));
  return out;
}

}  // namespace agp::relay
