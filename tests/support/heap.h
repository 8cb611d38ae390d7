#pragma once

#include <cstddef>

#include <malloc.h>

extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace agp::test {

/// Octets that this process has allocated and not freed, by whatever library: for tests of what is
/// held. Under a sanitizer exact, else as malloc counts them.
inline std::size_t heap_in_use() {
  if (&__sanitizer_get_current_allocated_bytes != nullptr) {
    return __sanitizer_get_current_allocated_bytes();
  }
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// How much more is held than when this was made, and the most of it that was seen.
class HeapGrowth {
 public:
  void look() {
    const std::size_t now = heap_in_use();
    most_ = now > base_ + most_ ? now - base_ : most_;
  }
  [[nodiscard]] std::size_t most() const { return most_; }

 private:
  std::size_t base_ = heap_in_use();
  std::size_t most_ = 0;
};

}  // namespace agp::test
