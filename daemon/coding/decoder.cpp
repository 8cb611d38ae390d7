#include "daemon/coding/decoder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include <strings.h>
#include <zlib.h>

namespace agp::coding {

/// Octets in, decoded octets to the sink, as far as they can be decoded now.
class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual Status feed(Bytes in, Sink* out) = 0;
  /// @return whether the coded stream may end here.
  [[nodiscard]] virtual bool is_at_end() const = 0;
};

namespace {

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1F, 0x8B};
constexpr std::array<std::uint8_t, 4> kZstdMagic = {0x28, 0xB5, 0x2F, 0xFD};

enum class Wrapper { gzip, deflate };

// starting ──> inside ──> between ──> inside (the next gzip member) or ignoring (anything else)
class Inflate final : public Stage {
 public:
  explicit Inflate(Wrapper wrapper) : wrapper_(wrapper) {}
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() override { close(); }

  Status feed(Bytes in, Sink* out) override {
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
          // Another member, or padding: gzip(1) ignores what follows the last trailer, too.
          if (in[0] == kGzipMagic[0]) {
            state_ = State::starting;
            is_first_ = false;
          } else {
            state_ = State::ignoring;
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
        return is_first_ && !has_first_octet_;
      case State::inside:
        return false;
      case State::between:
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
    if (!has_first_octet_) {
      first_octet_ = (*in)[0];
      has_first_octet_ = true;
      *in = in->subspan(1);
      if (in->empty()) {
        return true;
      }
    }
    const unsigned first = first_octet_;
    const unsigned second = (*in)[0];
    const bool is_zlib = (first & 0x0F) == 8 && (first * 256 + second) % 31 == 0;
    if (!open(is_zlib ? MAX_WBITS : -MAX_WBITS)) {
      return false;
    }
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

  [[nodiscard]] Status inflate_some(Bytes* in, Sink* out) {
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
        out->on_decoded(Bytes(piece).first(made));
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
  bool is_first_ = true;
  bool has_first_octet_ = false;
  std::uint8_t first_octet_ = 0;
};

bool is_coding(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() &&
         ::strncasecmp(name.data(), wanted.data(), name.size()) == 0;
}

std::unique_ptr<Stage> make_stage(std::string_view coding) {
  if (is_coding(coding, "gzip") || is_coding(coding, "x-gzip")) {
    return std::make_unique<Inflate>(Wrapper::gzip);
  }
  if (is_coding(coding, "deflate")) {
    return std::make_unique<Inflate>(Wrapper::deflate);
  }
  return nullptr;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

/// Hands the output of one stage to the next.
class Next final : public Sink {
 public:
  Next(Stage* stage, Sink* out) : stage_(stage), out_(out) {}
  void on_decoded(Bytes bytes) override {
    if (status_ == Status::good) {
      status_ = stage_->feed(bytes, out_);
    }
  }
  [[nodiscard]] Status status() const { return status_; }

 private:
  Stage* stage_;
  Sink* out_;
  Status status_ = Status::good;
};

/// Stops the output at the budget, before it reaches anyone.
class Meter final : public Sink {
 public:
  Meter(std::uint64_t* decoded, std::uint64_t limit, Sink* out)
      : decoded_(decoded), limit_(limit), out_(out) {}
  void on_decoded(Bytes bytes) override {
    const std::uint64_t left = limit_ > *decoded_ ? limit_ - *decoded_ : 0;
    if (bytes.size() > left) {
      is_over_ = true;
    }
    if (!is_over_) {
      *decoded_ += bytes.size();
      out_->on_decoded(bytes);
    }
  }
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  std::uint64_t* decoded_;
  std::uint64_t limit_;
  Sink* out_;
  bool is_over_ = false;
};

}  // namespace

Decoder::Decoder(std::string_view content_encoding, Budget budget) : budget_(budget) {
  bool has_coding = false;
  while (!content_encoding.empty()) {
    // The last coding was applied last, so it comes off first.
    const std::size_t comma = content_encoding.rfind(',');
    const bool is_last = comma == std::string_view::npos;
    const std::string_view coding =
        trim(is_last ? content_encoding : content_encoding.substr(comma + 1));
    content_encoding = is_last ? std::string_view() : content_encoding.substr(0, comma);
    if (coding.empty() || is_coding(coding, "identity")) {
      continue;
    }
    has_coding = true;
    if (!add_stage(coding)) {
      status_ = Status::unknown;
      stages_.clear();
      return;
    }
  }
  sniffing_ = !has_coding;
}

Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

void Decoder::feed(Bytes in, Sink* out) {
  if (status_ != Status::good || in.empty()) {
    return;
  }
  coded_ += in.size();
  if (sniffing_) {
    sniff(&in, out);
  }
  if (status_ == Status::good && !in.empty()) {
    run(in, out);
  }
}

Status Decoder::finish(Sink* out) {
  if (sniffing_) {
    sniffing_ = false;
    const Buffer held = std::move(held_);
    run(held, out);
  }
  if (status_ == Status::good && coded_ > 0 && !stages_.empty()) {
    // Every stage but the first is at its end when the first is, unless it was cut itself.
    const bool at_end = std::all_of(stages_.begin(), stages_.end(),
                                    [](const auto& stage) { return stage->is_at_end(); });
    if (!at_end) {
      status_ = Status::truncated;
    }
  }
  stages_.clear();
  return status_;
}

bool Decoder::add_stage(std::string_view coding) {
  auto stage = make_stage(coding);
  if (stage == nullptr || stages_.size() == kMaxStages) {
    return false;
  }
  stages_.push_back(std::move(stage));
  return true;
}

/// Holds the first octets back while they may be the start of a magic number.
void Decoder::sniff(Bytes* in, Sink* out) {
  while (!in->empty()) {
    const std::uint8_t octet = (*in)[0];
    const std::size_t at = held_.size();
    const bool like_gzip =
        at < kGzipMagic.size() && octet == kGzipMagic[at] && (at == 0 || held_[0] == kGzipMagic[0]);
    const bool like_zstd = octet == kZstdMagic[at] && (at == 0 || held_[0] == kZstdMagic[0]);
    if (!like_gzip && !like_zstd) {
      break;
    }
    held_.push_back(octet);
    *in = in->subspan(1);
    if (like_gzip && held_.size() == kGzipMagic.size()) {
      stages_.push_back(std::make_unique<Inflate>(Wrapper::gzip));
      break;
    }
    if (like_zstd && held_.size() == kZstdMagic.size()) {
      sniffing_ = false;
      held_ = Buffer();
      status_ = Status::unknown;
      return;
    }
    if (in->empty()) {
      return;  // not decided yet
    }
  }
  sniffing_ = false;
  const Buffer held = std::move(held_);
  held_ = Buffer();
  if (!held.empty()) {
    run(held, out);
  }
}

void Decoder::run(Bytes in, Sink* out) {
  if (stages_.empty()) {
    decoded_ += in.size();
    out->on_decoded(in);
    return;
  }
  // In pieces, so that a bomb is noticed after one piece and not after all of it.
  const std::uint64_t by_ratio = std::max(budget_.ratio_grace, coded_ * budget_.max_ratio);
  Meter meter(&decoded_, std::min(budget_.max_decoded, by_ratio), out);
  while (!in.empty() && status_ == Status::good) {
    const Bytes piece = in.first(std::min<std::size_t>(in.size(), 4096));
    in = in.subspan(piece.size());
    std::vector<Next> links;
    links.reserve(stages_.size());
    Sink* to = &meter;
    for (std::size_t i = stages_.size() - 1; i > 0; --i) {
      links.emplace_back(stages_[i].get(), to);
      to = &links.back();
    }
    status_ = stages_[0]->feed(piece, to);
    for (const Next& link : links) {
      if (status_ == Status::good) {
        status_ = link.status();
      }
    }
    if (meter.is_over()) {
      status_ = Status::too_large;
    }
  }
  if (status_ != Status::good) {
    stages_.clear();
  }
}

}  // namespace agp::coding
