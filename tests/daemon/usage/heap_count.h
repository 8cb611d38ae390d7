#pragma once

#include <cstddef>

/// What `new` of this program does, for tests of memory and work.
namespace agp::usage::test {

struct HeapCount {
  std::size_t in_use = 0;  // octets
  std::size_t most = 0;    // of them at once, since it was reset
  std::size_t in_all = 0;  // octets ever asked for: what growing buffers copy is in it
  std::size_t requests = 0;
};

[[nodiscard]] HeapCount heap_count();
/// `most` begins at what is in use, `in_all` and `requests` at 0.
void reset_heap_count();

}  // namespace agp::usage::test
