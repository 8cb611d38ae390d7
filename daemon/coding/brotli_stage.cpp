#include "daemon/coding/limits.h"
#include "daemon/coding/stage.h"

#include <cstdlib>
#include <new>

#include <brotli/decode.h>

namespace agp::coding {
namespace {

/// In front of each block that the decoder asks for, so that freeing it gives back its size.
struct alignas(std::max_align_t) Header {
  std::size_t size;
};

void* take(void* memory, std::size_t size) {
  auto* budget = static_cast<Memory*>(memory);
  if (size > budget->left) {
    return nullptr;
  }
  void* block = std::malloc(sizeof(Header) + size);
  if (block == nullptr) {
    return nullptr;
  }
  budget->left -= size;
  return ::new (block) Header{size} + 1;
}

void give_back(void* memory, void* block) {
  if (block != nullptr) {
    Header* header = static_cast<Header*>(block) - 1;
    static_cast<Memory*>(memory)->left += header->size;
    std::free(header);
  }
}

struct Close {
  void operator()(BrotliDecoderState* state) const { ::BrotliDecoderDestroyInstance(state); }
};

/// Brotli, RFC 7932. Octets behind the last block are ignored, as they are for gzip.
class Brotli final : public Stage {
 public:
  explicit Brotli(Memory* memory)
      : state_(::BrotliDecoderCreateInstance(take, give_back, memory)) {}

  Status feed(Bytes in, Output* out) override {
    if (state_ == nullptr) {
      return Status::too_large;
    }
    if (in.empty() || is_done_) {
      return Status::good;
    }
    has_begun_ = true;
    std::size_t in_left = in.size();
    const std::uint8_t* next_in = in.data();
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
      std::size_t no_room = 0;
      result = ::BrotliDecoderDecompressStream(state_.get(), &in_left, &next_in, &no_room, nullptr,
                                               nullptr);
      if (result == BROTLI_DECODER_RESULT_ERROR) {
        return is_out_of_memory() ? Status::too_large : Status::broken;
      }
      // Straight from the window, whatever is in it: a flush of the sender ends in mid-window.
      while (::BrotliDecoderHasMoreOutput(state_.get()) != BROTLI_FALSE) {
        std::size_t made = kPieceBytes;
        const std::uint8_t* piece = ::BrotliDecoderTakeOutput(state_.get(), &made);
        if (made == 0) {
          break;
        }
        if (const Status status = out->put({piece, made}); status != Status::good) {
          return status;
        }
      }
    }
    is_done_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    return Status::good;
  }

  bool is_at_end() const override { return is_done_ || !has_begun_; }

 private:
  [[nodiscard]] bool is_out_of_memory() const {
    const BrotliDecoderErrorCode code = ::BrotliDecoderGetErrorCode(state_.get());
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
           code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
  }

  std::unique_ptr<BrotliDecoderState, Close> state_;
  bool has_begun_ = false;
  bool is_done_ = false;
};

}  // namespace

std::unique_ptr<Stage> make_brotli(Memory* memory) {
  return std::make_unique<Brotli>(memory);
}

}  // namespace agp::coding
