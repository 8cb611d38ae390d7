#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <zlib.h>

/// Builds WebSocket octets for tests.
namespace agp::websocket::wire {

inline constexpr std::uint8_t kFinal = 0x80;
inline constexpr std::uint8_t kCompressed = 0x40;

inline std::string frame(std::uint8_t first, std::string_view payload, bool is_masked) {
  std::string out(1, static_cast<char>(first));
  const std::uint8_t mask_bit = is_masked ? 0x80 : 0;
  const std::uint64_t size = payload.size();
  const int length_size = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out.push_back(static_cast<char>(mask_bit | (length_size == 0   ? size
                                              : length_size == 2 ? 126u
                                                                 : 127u)));
  for (int shift = 8 * (length_size - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(size >> shift));
  }
  if (!is_masked) {
    return out.append(payload);
  }
  constexpr std::string_view kMask = "\x12\xF4\x56\x9A";
  out.append(kMask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
  }
  return out;
}

inline std::string text(std::string_view payload, bool is_masked) {
  return frame(kFinal | 1, payload, is_masked);
}

/// In frames of `size` octets, with a ping in between.
inline std::string fragmented(std::string_view payload,
                              std::size_t size,
                              bool is_masked,
                              std::uint8_t bits = 0) {
  std::string out;
  for (std::size_t at = 0; at < payload.size(); at += size) {
    const bool is_first = at == 0;
    const bool is_last = at + size >= payload.size();
    out += frame(static_cast<std::uint8_t>((is_last ? kFinal : 0) | (is_first ? 1 | bits : 0)),
                 payload.substr(at, size), is_masked);
    if (!is_last) {
      out += frame(kFinal | 9, "ping", is_masked);
    }
  }
  return out;
}

/// The compressor of one direction, RFC 7692.
class Deflater {
 public:
  explicit Deflater(bool takeover = true, int bits = 15) : takeover_(takeover) {
    (void)::deflateInit2(&stream_, 6, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { (void)::deflateEnd(&stream_); }

  std::string message(std::string_view text, int flush = Z_SYNC_FLUSH) {
    std::string out(text.size() + 1024, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    (void)::deflate(&stream_, flush);
    out.resize(out.size() - stream_.avail_out);
    if (flush == Z_FINISH) {
      (void)::deflateReset(&stream_);
      return out + std::string(1, '\0');
    }
    if (!takeover_) {
      (void)::deflateReset(&stream_);
    }
    return out.substr(0, out.size() - 4);
  }

 private:
  z_stream stream_{};
  bool takeover_;
};

}  // namespace agp::websocket::wire
