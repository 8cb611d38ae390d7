#include "daemon/coding/decoder.h"

#include "daemon/coding/stage.h"

#include <algorithm>
#include <array>

#include <strings.h>

namespace agp::coding {
namespace {

constexpr std::array<std::uint8_t, 2> kGzipMagic = {0x1F, 0x8B};
constexpr std::array<std::uint8_t, 4> kZstdMagic = {0x28, 0xB5, 0x2F, 0xFD};
/// Coded octets are decoded in steps of this size, so that a bomb is noticed early.
constexpr std::size_t kStepBytes = 4096;

bool is_coding(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() &&
         ::strncasecmp(name.data(), wanted.data(), name.size()) == 0;
}

std::unique_ptr<Stage> make_stage(std::string_view coding, Memory* memory) {
  if (is_coding(coding, "gzip") || is_coding(coding, "x-gzip")) {
    return make_gzip();
  }
  if (is_coding(coding, "deflate")) {
    return make_deflate();
  }
  if (is_coding(coding, "br")) {
    return make_brotli(memory);
  }
  if (is_coding(coding, "zstd")) {
    return make_zstd(memory);
  }
  return nullptr;  // compress, xz, dcb, dcz, aes128gcm and what is still to come
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

}  // namespace

struct Decoder::Chain {
  explicit Chain(std::size_t max_memory) : memory{max_memory} {}

  struct Link {
    std::unique_ptr<Stage> stage;
    std::uint64_t made = 0;  // octets that it put out
  };

  Memory memory;
  std::vector<Link> links;  // in the order of decoding
};

/// The output of one stage. Each stage has the whole budget, so that neither what comes out at the
/// end nor what lies between two stages can be blown up.
class Decoder::Tap final : public Output {
 public:
  Tap(Chain* chain, std::size_t from, std::uint64_t limit, Sink* sink)
      : chain_(chain), from_(from), limit_(limit), sink_(sink) {}

  Status put(Bytes bytes) override {
    std::uint64_t& made = chain_->links[from_].made;
    const std::uint64_t left = limit_ > made ? limit_ - made : 0;
    const bool is_over = bytes.size() > left;
    const Bytes taken = is_over ? bytes.first(static_cast<std::size_t>(left)) : bytes;
    made += taken.size();
    if (!taken.empty()) {
      if (from_ + 1 == chain_->links.size()) {
        sink_->on_decoded(taken);
      } else {
        Tap next(chain_, from_ + 1, limit_, sink_);
        if (const Status status = chain_->links[from_ + 1].stage->feed(taken, &next);
            status != Status::good) {
          return status;
        }
      }
    }
    return is_over ? Status::too_large : Status::good;
  }

 private:
  Chain* chain_;
  std::size_t from_;
  std::uint64_t limit_;
  Sink* sink_;
};

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
      chain_.reset();
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

Status Decoder::finish() {
  if (sniffing_ && status_ == Status::good && !held_.empty()) {
    status_ = Status::truncated;  // it was cut inside its magic number: none of it is text
  }
  if (status_ == Status::good && coded_ > 0 && chain_ != nullptr) {
    // Every stage but the first is at its end when the first is, unless it was cut itself.
    const bool at_end =
        std::all_of(chain_->links.begin(), chain_->links.end(),
                    [](const Chain::Link& link) { return link.stage->is_at_end(); });
    if (!at_end) {
      status_ = Status::truncated;
    }
  }
  chain_.reset();
  return status_;
}

bool Decoder::add_stage(std::string_view coding) {
  if (chain_ == nullptr) {
    chain_ = std::make_unique<Chain>(budget_.max_memory);
  }
  if (chain_->links.size() == kMaxStages) {
    return false;
  }
  auto stage = make_stage(coding, &chain_->memory);
  if (stage == nullptr) {
    return false;
  }
  chain_->links.push_back({std::move(stage), 0});
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
    if ((like_gzip && held_.size() == kGzipMagic.size()) ||
        (like_zstd && held_.size() == kZstdMagic.size())) {
      if (!add_stage(like_gzip ? "gzip" : "zstd")) {
        status_ = Status::unknown;
      }
      break;
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
  if (chain_ == nullptr) {
    if (!in.empty()) {
      out->on_decoded(in);
    }
    return;
  }
  const std::uint64_t by_ratio = std::max(budget_.ratio_grace, coded_ * budget_.max_ratio);
  Tap tap(chain_.get(), 0, std::min(budget_.max_decoded, by_ratio), out);
  while (!in.empty() && status_ == Status::good) {
    const Bytes step = in.first(std::min(in.size(), kStepBytes));
    in = in.subspan(step.size());
    status_ = chain_->links[0].stage->feed(step, &tap);
  }
  if (status_ != Status::good) {
    chain_.reset();
  }
}

}  // namespace agp::coding
