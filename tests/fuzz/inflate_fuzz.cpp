#include "daemon/coding/decoder.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <zlib.h>

/// Input: `g` or `d` for gzip or deflate, then the body. What comes out is compared with zlib.

namespace {

using namespace agp;

constexpr std::size_t kLimit = 256 * 1024;
constexpr std::size_t kReadAhead =
    3 * 258;  // of octets that come out: a few of the longest matches

class Text final : public coding::Sink {
 public:
  void on_decoded(Bytes bytes) override { text += as_text(bytes); }
  std::string text;
};

struct Outcome {
  std::string text;
  bool is_whole = false;
  bool is_damaged = false;  // otherwise it is whole, or was cut
};

Outcome decode(std::string_view encoding, Bytes body, fuzz::Split split) {
  coding::Budget budget;
  budget.max_decoded = kLimit;
  budget.ratio_grace = kLimit;
  coding::Decoder decoder(encoding, budget);
  Text out;
  fuzz::feed_split(body, split, [&](Bytes piece) { decoder.feed(piece, &out); });
  const coding::Status status = decoder.finish();
  return {out.text, status == coding::Status::good,
          status != coding::Status::good && status != coding::Status::truncated};
}

/// One member by zlib. @return how it ended; `*body` is what follows it.
int inflate_member(int window_bits, Bytes* body, std::string* out) {
  z_stream stream{};
  fuzz::require(::inflateInit2(&stream, window_bits) == Z_OK, "zlib starts");
  stream.next_in = const_cast<Bytef*>(body->data());
  stream.avail_in = static_cast<uInt>(body->size());
  std::array<char, 4096> piece{};
  int code = Z_OK;
  while (code == Z_OK && out->size() <= kLimit) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    code = ::inflate(&stream, Z_SYNC_FLUSH);
    out->append(piece.data(), piece.size() - stream.avail_out);
  }
  *body = body->subspan(body->size() - stream.avail_in);
  (void)::inflateEnd(&stream);
  return code;
}

Outcome by_zlib(bool is_gzip, Bytes body) {
  Outcome out;
  int window_bits = 16 + MAX_WBITS;
  if (!is_gzip) {
    const bool is_zlib =
        body.size() > 1 && (body[0] & 0x0F) == 8 && (body[0] * 256U + body[1]) % 31 == 0;
    window_bits = is_zlib ? MAX_WBITS : -MAX_WBITS;
  }
  int code = Z_STREAM_END;
  do {
    code = inflate_member(window_bits, &body, &out.text);
  } while (is_gzip && code == Z_STREAM_END && body.size() >= 2 && body[0] == 0x1F &&
           body[1] == 0x8B);
  const bool is_cut = code == Z_BUF_ERROR ||
                      (is_gzip && code == Z_STREAM_END && body.size() == 1 && body[0] == 0x1F);
  out.is_whole = code == Z_STREAM_END && !is_cut;
  out.is_damaged = !out.is_whole && !is_cut;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const bool is_gzip = data[0] != 'd';
  const Bytes body(data + 1, size - 1);
  const Outcome wanted = by_zlib(is_gzip, body);
  if (wanted.text.size() > kLimit) {
    return 0;  // the budget's business
  }
  for (const fuzz::Split split : {fuzz::Split::whole, fuzz::Split::octets, fuzz::Split::pieces}) {
    if (split == fuzz::Split::octets && size > 600) {
      continue;
    }
    const Outcome got = decode(is_gzip ? "gzip" : "deflate", body, split);
    if (wanted.is_whole) {
      fuzz::require(got.is_whole && got.text == wanted.text,
                    "what zlib decodes comes out the same");
    } else {
      // ISA-L puts up with sets of distance codes that have gaps, which zlib calls damaged. So it
      // may go on, and without a checksum, or with one that fits, even come to an end.
      fuzz::require(got.text.starts_with(wanted.text) || wanted.text.starts_with(got.text),
                    "what came out before a fault is right");
    }
  }
  if (!wanted.is_whole) {
    return 0;
  }
  // The beginning of what is good is cut, not damaged, and comes out as far as it goes, but for the
  // last symbols in front of the cut: the libraries read ahead differently.
  for (const std::size_t part : {2U, 3U, 5U, 7U}) {
    const Bytes cut = body.first(body.size() - body.size() / part);
    const Outcome by_both = by_zlib(is_gzip, cut);
    const Outcome got = decode(is_gzip ? "gzip" : "deflate", cut, fuzz::Split::pieces);
    fuzz::require(!got.is_damaged && got.is_whole == by_both.is_whole,
                  "what was cut is not called damaged");
    fuzz::require(by_both.text.starts_with(got.text) || got.text.starts_with(by_both.text),
                  "what was cut comes out right");
    const std::size_t more = std::max(by_both.text.size(), got.text.size());
    const std::size_t less = std::min(by_both.text.size(), got.text.size());
    fuzz::require(more - less <= kReadAhead, "what was cut comes out as far as it goes");
  }
  return 0;
}
