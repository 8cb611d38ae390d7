#include "daemon/coding/limits.h"
#include "daemon/coding/stage.h"

#include <array>

#include <zstd.h>
#include <zstd_errors.h>

namespace agp::coding {
namespace {

constexpr std::array<std::uint8_t, 4> kFrame = {0x28, 0xB5, 0x2F, 0xFD};
constexpr std::array<std::uint8_t, 4> kSkippable = {0x50, 0x2A, 0x4D, 0x18};  // to 0x5F

constexpr std::size_t kLongestHeader = 18;  // with the magic number, RFC 8878 section 3.1.1.1

struct Close {
  void operator()(ZSTD_DCtx* context) const { (void)::ZSTD_freeDCtx(context); }
};

/// Zstandard, RFC 8878: frames and skippable frames, one after another. Octets behind the last
/// frame that begin no other are ignored, as they are for gzip.
// between ──> inside ──> between … ──> ignoring
class Zstd final : public Stage {
 public:
  explicit Zstd(Memory* memory) : memory_(memory), context_(::ZSTD_createDCtx()) {
    if (context_ != nullptr) {
      (void)::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
    }
  }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
  ~Zstd() override { memory_->left += taken_; }

  Status feed(Bytes in, Output* out) override {
    if (context_ == nullptr) {
      return Status::too_large;
    }
    while (!in.empty()) {
      Status status = Status::good;
      switch (state_) {
        case State::between:
          status = read_magic(&in, out);
          break;
        case State::inside:
          status = header_left_ > 0 ? decode_octet(&in, out) : decode(&in, out);
          break;
        case State::ignoring:
          return Status::good;
      }
      if (status != Status::good) {
        return status;
      }
    }
    return Status::good;
  }

  bool is_at_end() const override {
    return state_ == State::ignoring || (state_ == State::between && magic_size_ == 0);
  }

 private:
  enum class State { between, inside, ignoring };

  /// The library calls whatever is no frame an error; behind the first frame it is none.
  Status read_magic(Bytes* in, Output* out) {
    const std::uint8_t octet = (*in)[0];
    const bool like_frame = magic_size_ == 0 || magic_[0] == kFrame[0];
    const bool like_skippable = magic_size_ == 0 || magic_[0] != kFrame[0];
    const std::uint8_t masked = magic_size_ == 0 ? octet & 0xF0 : octet;
    if (!(like_frame && octet == kFrame[magic_size_]) &&
        !(like_skippable && masked == kSkippable[magic_size_])) {
      state_ = State::ignoring;
      return has_frame_ ? Status::good : Status::broken;
    }
    magic_[magic_size_++] = octet;
    *in = in->subspan(1);
    if (magic_size_ < magic_.size()) {
      return Status::good;
    }
    magic_size_ = 0;
    has_frame_ = true;
    header_left_ = kLongestHeader - magic_.size();
    state_ = State::inside;
    Bytes magic = magic_;
    return decode(&magic, out);
  }

  /// While the header of a frame may be incomplete, the library gets octet by octet. In the call
  /// that completes it, the library looks for a whole frame in what that call brought, which is not
  /// the frame's beginning: it could take octets that look like another frame for all of it.
  Status decode_octet(Bytes* in, Output* out) {
    --header_left_;
    Bytes octet = in->first(1);
    const Status status = decode(&octet, out);
    *in = in->subspan(1 - octet.size());
    return status;
  }

  Status decode(Bytes* in, Output* out) {
    std::array<std::uint8_t, kPieceBytes>
        piece;  // NOLINT(cppcoreguidelines-init-variables): output only
    ZSTD_inBuffer input{in->data(), in->size(), 0};
    while (true) {
      ZSTD_outBuffer output{piece.data(), piece.size(), 0};
      const std::size_t code = ::ZSTD_decompressStream(context_.get(), &output, &input);
      if (::ZSTD_isError(code) != 0) {
        return ::ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge
                   ? Status::too_large
                   : Status::broken;
      }
      if (!account()) {
        return Status::too_large;
      }
      if (output.pos > 0) {
        if (const Status status = out->put(Bytes(piece).first(output.pos));
            status != Status::good) {
          return status;
        }
      }
      if (code == 0) {
        state_ = State::between;
        break;
      }
      if (input.pos == input.size && output.pos < output.size) {
        break;
      }
    }
    *in = in->subspan(input.pos);
    return Status::good;
  }

  /// Takes what the library has allocated out of the chain's budget.
  [[nodiscard]] bool account() {
    const std::size_t now = ::ZSTD_sizeof_DCtx(context_.get());
    if (now > taken_ && now - taken_ > memory_->left) {
      return false;
    }
    memory_->left = memory_->left + taken_ - now;
    taken_ = now;
    return true;
  }

  Memory* memory_;
  std::unique_ptr<ZSTD_DCtx, Close> context_;
  std::size_t taken_ = 0;
  std::array<std::uint8_t, 4> magic_{};
  std::size_t magic_size_ = 0;
  std::size_t header_left_ = 0;  // octets of the frame that may still belong to its header
  bool has_frame_ = false;
  State state_ = State::between;
};

}  // namespace

std::unique_ptr<Stage> make_zstd(Memory* memory) {
  return std::make_unique<Zstd>(memory);
}

}  // namespace agp::coding
