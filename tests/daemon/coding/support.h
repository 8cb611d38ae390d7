#pragma once

#include "daemon/coding/decoder.h"

#include <ostream>
#include <string>
#include <string_view>

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

/// The encoders' side of the codings, and a whole body through a decoder.
namespace agp::coding {

class Text final : public Sink {
 public:
  void on_decoded(Bytes bytes) override { text += as_text(bytes); }
  std::string text;
};

inline constexpr int kGzip = 16 + MAX_WBITS;
inline constexpr int kZlib = MAX_WBITS;
inline constexpr int kRaw = -MAX_WBITS;

inline std::string pack(const std::string& text, int window_bits, int flush = Z_FINISH) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  (void)::deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  (void)::deflateEnd(&stream);
  return out;
}

inline std::string pack_br(const std::string& text,
                           BrotliEncoderOperation how = BROTLI_OPERATION_FINISH,
                           std::uint32_t window_bits = 18) {
  BrotliEncoderState* state = ::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  (void)::BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, window_bits);
  (void)::BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
  std::size_t in_left = text.size();
  const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
  std::string out;
  do {
    std::size_t no_room = 0;
    EXPECT_EQ(::BrotliEncoderCompressStream(state, how, &in_left, &in, &no_room, nullptr, nullptr),
              BROTLI_TRUE);
    std::size_t n = 0;
    const std::uint8_t* piece = ::BrotliEncoderTakeOutput(state, &n);
    out.append(reinterpret_cast<const char*>(piece), n);
  } while (in_left > 0 || ::BrotliEncoderHasMoreOutput(state) != BROTLI_FALSE);
  ::BrotliEncoderDestroyInstance(state);
  return out;
}

/// Without the content size, as a server that streams sends it.
inline std::string pack_zstd(const std::string& text,
                             ZSTD_EndDirective how = ZSTD_e_end,
                             int window_log = 18) {
  ZSTD_CCtx* context = ::ZSTD_createCCtx();
  (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(::ZSTD_compressBound(text.size()) + 64, '\0');
  // Two calls: one with all of the text would be written as a single segment.
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer from{text.data(), text.size(), 0};
  (void)::ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue);
  EXPECT_EQ(::ZSTD_compressStream2(context, &to, &from, how), 0u);
  (void)::ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

struct Decoded {
  std::string text;
  Status status;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

inline void PrintTo(const Decoded& decoded, std::ostream* out) {
  *out << decoded.text.size() << " octets, status " << static_cast<int>(decoded.status);
}

inline Decoded decode(std::string_view coding,
                      std::string_view wire,
                      std::size_t cut = 0,
                      Budget budget = {}) {
  Text out;
  Decoder decoder(coding, budget);
  decoder.feed(as_bytes(wire.substr(0, cut)), &out);
  decoder.feed(as_bytes(wire.substr(cut)), &out);
  const Status status = decoder.finish();
  return {out.text, status};
}

inline const std::string kText = "data: {\"text\":\"caf\xC3\xA9\"}\n\ndata: {\"more\":[1,2,3]}\n\n";

}  // namespace agp::coding
