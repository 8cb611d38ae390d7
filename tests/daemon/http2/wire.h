#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

/// Builds HTTP/2 octets for tests: one object is the encoder of one direction.
namespace agp::http2::wire {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string u32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string frame(std::uint8_t type,
                         std::uint8_t flags,
                         std::uint32_t id,
                         std::string_view payload) {
  std::string out = u32(static_cast<std::uint32_t>(payload.size())).substr(1);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out + u32(id) + std::string(payload);
}

inline std::string setting(std::uint16_t name, std::uint32_t value) {
  return std::string{static_cast<char>(name >> 8), static_cast<char>(name)} + u32(value);
}

inline std::string settings(std::string_view entries = {}) {
  return frame(NGHTTP2_SETTINGS, 0, 0, entries);
}

inline std::string settings_ack() {
  return frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, {});
}

inline std::string data(std::uint32_t id, std::string_view payload, bool end = false) {
  return frame(NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, id, payload);
}

inline std::string padded_data(std::uint32_t id,
                               std::string_view payload,
                               std::uint8_t padding,
                               bool end = false) {
  return frame(NGHTTP2_DATA,
               static_cast<std::uint8_t>(NGHTTP2_FLAG_PADDED | (end ? NGHTTP2_FLAG_END_STREAM : 0)),
               id,
               std::string(1, static_cast<char>(padding)) + std::string(payload) +
                   std::string(padding, '\0'));
}

inline std::string reset(std::uint32_t id, std::uint32_t code = NGHTTP2_CANCEL) {
  return frame(NGHTTP2_RST_STREAM, 0, id, u32(code));
}

inline std::string goaway(std::uint32_t last, std::uint32_t code = NGHTTP2_NO_ERROR) {
  return frame(NGHTTP2_GOAWAY, 0, 0, u32(last) + u32(code) + "bye");
}

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Encoder {
 public:
  explicit Encoder(std::size_t table = 4096) { (void)::nghttp2_hd_deflate_new(&deflater_, table); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() { ::nghttp2_hd_deflate_del(deflater_); }

  void change_table_size(std::size_t size) {
    (void)::nghttp2_hd_deflate_change_table_size(deflater_, size);
  }

  std::string block(const Fields& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    std::string out(::nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
    const auto n = ::nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()),
                                           out.size(), list.data(), list.size());
    out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return out;
  }

  std::string headers(std::uint32_t id, const Fields& fields, bool end = false) {
    return frame(
        NGHTTP2_HEADERS,
        static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS | (end ? NGHTTP2_FLAG_END_STREAM : 0)),
        id, block(fields));
  }

  /// With padding and priority, the block in pieces of `piece` octets.
  std::string split_headers(std::uint32_t id,
                            const Fields& fields,
                            std::size_t piece,
                            bool end = false) {
    const std::string coded = block(fields);
    constexpr std::uint8_t kPadding = 7;
    std::string out = frame(NGHTTP2_HEADERS,
                            static_cast<std::uint8_t>(NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY |
                                                      (end ? NGHTTP2_FLAG_END_STREAM : 0)),
                            id,
                            std::string(1, static_cast<char>(kPadding)) + u32(0) + "\x10" +
                                coded.substr(0, piece) + std::string(kPadding, '\0'));
    std::size_t at = std::min(piece, coded.size());
    while (at < coded.size()) {
      out += frame(NGHTTP2_CONTINUATION, 0, id, coded.substr(at, piece));
      at += piece;
    }
    return out + frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, id, {});
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

inline Fields request(const std::string& path,
                      const std::string& host = "daily-cloudcode-pa.googleapis.com") {
  return {{":method", "POST"},
          {":scheme", "https"},
          {":authority", host},
          {":path", path},
          {"content-type", "application/json"},
          {"user-agent", "test/1"}};
}

inline Fields response(const std::string& type = "text/event-stream") {
  return {{":status", "200"}, {"content-type", type}};
}

/// Pieces of `size` octets, each a DATA frame; the last one ends the stream.
inline std::string body(std::uint32_t id, std::string_view text, std::size_t size) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size) {
    out += data(id, text.substr(at, size), at + size >= text.size());
  }
  return out;
}

}  // namespace agp::http2::wire
