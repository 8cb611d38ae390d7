#pragma once

#include "common/base/bytes.h"
#include "daemon/coding/decoder.h"

#include <cstddef>
#include <memory>
#include <string_view>

/// One content coding of a chain. For the decoder and for the stages only.
namespace agp::coding {

/// Where a stage puts its output: the next stage, or the end of the chain.
class Output {
 public:
  virtual ~Output() = default;
  /// @return anything but `good`: the chain is over, and the stage answers the same at once.
  [[nodiscard]] virtual Status put(Bytes bytes) = 0;
};

/// Octets in, decoded octets out, as far as they can be decoded now.
class Stage {
 public:
  virtual ~Stage() = default;
  [[nodiscard]] virtual Status feed(Bytes in, Output* out) = 0;
  /// @return whether the coded stream may end here.
  [[nodiscard]] virtual bool is_at_end() const = 0;
};

/// Memory that the stages of one chain may still take for their windows. Outlives the stages.
struct Memory {
  std::size_t left = 0;
};

[[nodiscard]] std::unique_ptr<Stage> make_gzip();
[[nodiscard]] std::unique_ptr<Stage> make_deflate();
[[nodiscard]] std::unique_ptr<Stage> make_brotli(Memory* memory);
[[nodiscard]] std::unique_ptr<Stage> make_zstd(Memory* memory);

}  // namespace agp::coding
