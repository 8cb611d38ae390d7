#include "daemon/coding/limits.h"
#include "daemon/coding/stage.h"

#include <algorithm>
#include <array>
#include <limits>

#include <zlib.h>

namespace agp::coding {
namespace {

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1F, 0x8B};

enum class Wrapper { gzip, deflate };

// starting ──> inside ──> between ──> inside (the next gzip member) or ignoring (anything else)
class Inflate final : public Stage {
 public:
  explicit Inflate(Wrapper wrapper) : wrapper_(wrapper) {}
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() override { close(); }

  Status feed(Bytes in, Output* out) override {
    while (!in.empty()) {
      switch (state_) {
        case State::starting:
          if (!start(&in)) {
            return Status::broken;
          }
          break;
        case State::inside:
          if (const Status status = inflate_some(&in, out); status != Status::good) {
            return status;
          }
          break;
        case State::between:
          if (!next_member(&in)) {
            return Status::broken;
          }
          break;
        case State::ignoring:
          return Status::good;
      }
    }
    return Status::good;
  }

  bool is_at_end() const override {
    switch (state_) {
      case State::starting:
        return !has_first_octet_;
      case State::inside:
        return false;
      case State::between:
        return !has_first_octet_;
      case State::ignoring:
        return true;
    }
    return true;
  }

 private:
  enum class State { starting, inside, between, ignoring };

  [[nodiscard]] bool start(Bytes* in) {
    if (wrapper_ == Wrapper::gzip) {
      return open(16 + MAX_WBITS);
    }
    // "deflate" means zlib (RFC 9110), but some servers send it bare. Two octets tell.
    if (!hold_first(in)) {
      return true;
    }
    const unsigned first = first_octet_;
    const unsigned second = (*in)[0];
    const bool is_zlib = (first & 0x0F) == 8 && (first * 256 + second) % 31 == 0;
    return open(is_zlib ? MAX_WBITS : -MAX_WBITS) && replay_first();
  }

  /// Another member, or padding: gzip(1) ignores what follows the last trailer, too.
  [[nodiscard]] bool next_member(Bytes* in) {
    if (!has_first_octet_ && (*in)[0] != kGzipMagic[0]) {
      state_ = State::ignoring;
      return true;
    }
    if (!hold_first(in)) {
      return true;
    }
    if ((*in)[0] != kGzipMagic[1]) {
      state_ = State::ignoring;
      return true;
    }
    return open(16 + MAX_WBITS) && replay_first();
  }

  /// @return whether the first octet is known and there is a second.
  [[nodiscard]] bool hold_first(Bytes* in) {
    if (!has_first_octet_) {
      first_octet_ = (*in)[0];
      has_first_octet_ = true;
      *in = in->subspan(1);
    }
    return !in->empty();
  }

  [[nodiscard]] bool replay_first() {
    has_first_octet_ = false;
    std::uint8_t nothing = 0;
    stream_.next_in = &first_octet_;
    stream_.avail_in = 1;
    stream_.next_out = &nothing;
    stream_.avail_out = 0;
    const int code = ::inflate(&stream_, Z_SYNC_FLUSH);
    return (code == Z_OK || code == Z_BUF_ERROR) && stream_.avail_in == 0;
  }

  [[nodiscard]] bool open(int window_bits) {
    close();
    stream_ = {};
    if (::inflateInit2(&stream_, window_bits) != Z_OK) {
      return false;
    }
    is_open_ = true;
    state_ = State::inside;
    return true;
  }

  void close() {
    if (is_open_) {
      (void)::inflateEnd(&stream_);  // fails only for a stream that is not open
      is_open_ = false;
    }
  }

  [[nodiscard]] Status inflate_some(Bytes* in, Output* out) {
    std::array<std::uint8_t, kPieceBytes>
        piece;  // NOLINT(cppcoreguidelines-init-variables): output only
    const std::size_t n = std::min<std::size_t>(in->size(), std::numeric_limits<uInt>::max());
    stream_.next_in = const_cast<Bytef*>(in->data());  // zlib's C signature; it only reads
    stream_.avail_in = static_cast<uInt>(n);
    int code = Z_OK;
    do {
      stream_.next_out = piece.data();
      stream_.avail_out = static_cast<uInt>(piece.size());
      code = ::inflate(&stream_, Z_SYNC_FLUSH);
      const std::size_t made = piece.size() - stream_.avail_out;
      if (made > 0) {
        if (const Status status = out->put(Bytes(piece).first(made)); status != Status::good) {
          return status;
        }
      }
    } while (code == Z_OK && (stream_.avail_in > 0 || stream_.avail_out == 0));
    *in = in->subspan(n - stream_.avail_in);
    if (code == Z_STREAM_END) {
      close();
      state_ = wrapper_ == Wrapper::gzip ? State::between : State::ignoring;
      return Status::good;
    }
    return code == Z_OK || code == Z_BUF_ERROR ? Status::good : Status::broken;
  }

  Wrapper wrapper_;
  State state_ = State::starting;
  z_stream stream_{};
  bool is_open_ = false;
  bool has_first_octet_ = false;
  std::uint8_t first_octet_ = 0;
};

}  // namespace

std::unique_ptr<Stage> make_gzip() {
  return std::make_unique<Inflate>(Wrapper::gzip);
}

std::unique_ptr<Stage> make_deflate() {
  return std::make_unique<Inflate>(Wrapper::deflate);
}

}  // namespace agp::coding
