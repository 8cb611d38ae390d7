#include "daemon/coding/limits.h"
#include "daemon/coding/stage.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

namespace agp::coding {
namespace {

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1F, 0x8B};

enum class Wrapper { gzip, deflate };

/// The head of a gzip member, RFC 1952 section 2.3, octet by octet. ISA-L 2.30 reads them itself,
/// but takes a good head with a checksum for a bad one when it comes in pieces.
// fixed ──> extra_size ──> extra ──> name ──> comment ──> checksum ──> done, skipping what is not
// there
class GzipHead {
 public:
  enum class Status { reading, done, failed };

  Status feed(Bytes* in) {
    while (!in->empty() && step_ != Step::done && step_ != Step::failed) {
      const std::uint8_t octet = (*in)[0];
      *in = in->subspan(1);
      take(octet);
    }
    return step_ == Step::done     ? Status::done
           : step_ == Step::failed ? Status::failed
                                   : Status::reading;
  }

 private:
  enum class Step { fixed, extra_size, extra, name, comment, checksum, done, failed };
  static constexpr unsigned kHasChecksum = 0x02;
  static constexpr unsigned kHasExtra = 0x04;
  static constexpr unsigned kHasName = 0x08;
  static constexpr unsigned kHasComment = 0x10;
  static constexpr unsigned kReserved = 0xE0;
  static constexpr std::size_t kFixedBytes = 10;

  void take(std::uint8_t octet) {
    if (step_ != Step::checksum) {
      checksum_ = ::crc32_gzip_refl(checksum_, &octet, 1);
    }
    ++size_;
    switch (step_) {
      case Step::fixed:
        take_fixed(octet);
        break;
      case Step::extra_size:
        value_ |= std::uint32_t{octet} << (8 * (size_ - 1));
        if (size_ == 2) {
          value_ > 0 ? go(Step::extra) : go_on(Step::extra);
        }
        break;
      case Step::extra:
        if (size_ == value_) {
          go_on(Step::extra);
        }
        break;
      case Step::name:
      case Step::comment:
        if (octet == 0) {
          go_on(step_);
        }
        break;
      case Step::checksum:
        received_ |= std::uint32_t{octet} << (8 * (size_ - 1));
        if (size_ == 2) {
          go(received_ == (checksum_ & 0xFFFF) ? Step::done : Step::failed);
        }
        break;
      case Step::done:
      case Step::failed:
        break;
    }
  }

  void take_fixed(std::uint8_t octet) {
    constexpr std::uint8_t kDeflate = 8;
    if (size_ <= kGzipMagic.size()) {
      is_bad_ = is_bad_ || octet != kGzipMagic[size_ - 1];
    } else if (size_ == 3) {
      is_bad_ = octet != kDeflate;
    } else if (size_ == 4) {
      flags_ = octet;
      is_bad_ = is_bad_ || (flags_ & kReserved) != 0;
    }
    if (is_bad_ && size_ % 2 == 0) {
      go(Step::failed);  // zlib looks at two octets at a time, too
    } else if (size_ == kFixedBytes) {
      go_on(Step::fixed);
    }
  }

  /// To what follows `step`, as far as it is there.
  void go_on(Step step) {
    if (step == Step::fixed && (flags_ & kHasExtra) != 0) {
      go(Step::extra_size);
    } else if (step <= Step::extra && (flags_ & kHasName) != 0) {
      go(Step::name);
    } else if (step <= Step::name && (flags_ & kHasComment) != 0) {
      go(Step::comment);
    } else {
      go((flags_ & kHasChecksum) != 0 ? Step::checksum : Step::done);
    }
  }

  void go(Step step) {
    step_ = step;
    size_ = 0;
  }

  Step step_ = Step::fixed;
  std::size_t size_ = 0;  // octets of this step
  unsigned flags_ = 0;
  std::uint32_t value_ = 0;  // size of the extra field
  std::uint32_t checksum_ = 0;
  std::uint32_t received_ = 0;
  bool is_bad_ = false;
};

/// DEFLATE by ISA-L, which takes half of zlib's time or less; a fuzz target compares the two.
// starting ──> [head] ──> inside ──> between ──> head (the next gzip member) or ignoring (anything
// else)
class Inflate final : public Stage {
 public:
  explicit Inflate(Wrapper wrapper) : wrapper_(wrapper) {}

  Status feed(Bytes in, Output* out) override {
    while (!in.empty()) {
      Status status = Status::good;
      switch (state_) {
        case State::starting:
          status = start(&in, out);
          break;
        case State::head:
          status = read_head(&in);
          break;
        case State::inside:
          status = inflate_some(&in, out);
          break;
        case State::between:
          status = next_member(&in);
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
    switch (state_) {
      case State::starting:
        return !has_first_octet_;
      case State::head:
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
  enum class State { starting, head, inside, between, ignoring };

  Status start(Bytes* in, Output* out) {
    if (wrapper_ == Wrapper::gzip) {
      begin_head();
      return Status::good;
    }
    // "deflate" means zlib (RFC 9110), but some servers send it bare. Two octets tell.
    if (!hold_first(in)) {
      return Status::good;
    }
    has_first_octet_ = false;
    const unsigned first = first_octet_;
    const unsigned second = (*in)[0];
    if ((first & 0x0F) != 8 || (first * 256 + second) % 31 != 0) {
      open(ISAL_DEFLATE);
      Bytes again(&first_octet_, 1);
      return inflate_some(&again, out);
    }
    constexpr unsigned kDictionary = 0x20;
    if ((first >> 4) > 7 || (second & kDictionary) != 0) {
      return Status::broken;
    }
    *in = in->subspan(1);
    open(ISAL_ZLIB_NO_HDR_VER);
    return Status::good;
  }

  /// Another member, or padding: gzip(1) ignores what follows the last trailer, too.
  Status next_member(Bytes* in) {
    if (!has_first_octet_ && (*in)[0] != kGzipMagic[0]) {
      state_ = State::ignoring;
      return Status::good;
    }
    if (!hold_first(in)) {
      return Status::good;
    }
    has_first_octet_ = false;
    if ((*in)[0] != kGzipMagic[1]) {
      state_ = State::ignoring;
      return Status::good;
    }
    begin_head();
    Bytes first(&first_octet_, 1);
    return read_head(&first);
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

  void begin_head() {
    head_ = GzipHead();
    state_ = State::head;
  }

  Status read_head(Bytes* in) {
    switch (head_.feed(in)) {
      case GzipHead::Status::reading:
        return Status::good;
      case GzipHead::Status::done:
        open(ISAL_GZIP_NO_HDR_VER);
        return Status::good;
      case GzipHead::Status::failed:
        break;
    }
    return Status::broken;
  }

  void open(std::uint32_t wrapper) {
    stream_.reset(new inflate_state);  // 90 KiB that the next line sets up as far as they need it
    ::isal_inflate_init(stream_.get());
    stream_->crc_flag = wrapper;
    state_ = State::inside;
  }

  Status inflate_some(Bytes* in, Output* out) {
    std::array<std::uint8_t, kPieceBytes>
        piece;  // NOLINT(cppcoreguidelines-init-variables): output only
    const std::size_t n =
        std::min<std::size_t>(in->size(), std::numeric_limits<std::uint32_t>::max());
    stream_->next_in = const_cast<std::uint8_t*>(in->data());  // C signature; it only reads
    stream_->avail_in = static_cast<std::uint32_t>(n);
    bool is_full = false;
    do {
      const std::uint32_t had = stream_->avail_in;
      stream_->next_out = piece.data();
      stream_->avail_out = static_cast<std::uint32_t>(piece.size());
      const int code = ::isal_inflate(stream_.get());
      if (code != ISAL_DECOMP_OK) {
        return Status::broken;  // and what this call put out is not to be trusted
      }
      const std::size_t made = piece.size() - stream_->avail_out;
      if (made > 0) {
        if (const Status status = out->put(Bytes(piece).first(made)); status != Status::good) {
          return status;
        }
      }
      if (stream_->block_state == ISAL_BLOCK_FINISH) {
        *in = in->subspan(n - stream_->avail_in);
        stream_.reset();
        state_ = wrapper_ == Wrapper::gzip ? State::between : State::ignoring;
        return Status::good;
      }
      is_full = stream_->avail_out == 0;
      if (!is_full && stream_->avail_in == had && had > 0) {
        return Status::broken;  // never seen: neither input nor output moves
      }
    } while (is_full || stream_->avail_in > 0);
    *in = in->subspan(n);
    return Status::good;
  }

  Wrapper wrapper_;
  State state_ = State::starting;
  GzipHead head_;
  std::unique_ptr<inflate_state> stream_;
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
