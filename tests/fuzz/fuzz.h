#pragma once

#include "common/base/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

/// What the fuzz targets share. A target checks what its reader promises, not only that it lives.
namespace agp::fuzz {

/// A promise that does not hold ends the process, as a sanitizer would.
inline void require(bool holds, const char* promise) {
  if (!holds) {
    (void)std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
  }
}

enum class Split { whole, octets, pieces };

/// The splits that are tried; octet by octet only where the input is short.
inline std::vector<Split> splits(Bytes in) {
  return in.size() <= 600 ? std::vector{Split::octets, Split::pieces} : std::vector{Split::pieces};
}

/// Feeds `in` to `feed` piece by piece. Every piece is a heap block of exactly its size, so that
/// reading past it is seen. The pieces depend on the input alone: a crash comes back by itself.
template <class Feed>
void feed_split(Bytes in, Split split, Feed feed) {
  std::uint64_t state = 0xCBF29CE484222325;
  for (const std::uint8_t octet : in) {
    state = (state ^ octet) * 0x100000001B3;
  }
  std::size_t at = 0;
  while (at < in.size()) {
    std::size_t n = in.size() - at;
    if (split == Split::octets) {
      n = 1;
    } else if (split == Split::pieces) {
      state = state * 6364136223846793005 + 1442695040888963407;
      const std::size_t most = (state >> 60) < 4 ? 3 : 1 + in.size() / 3;
      n = std::min(n, 1 + static_cast<std::size_t>(state >> 33) % most);
    }
    const std::vector<std::uint8_t> owned(in.begin() + static_cast<std::ptrdiff_t>(at),
                                          in.begin() + static_cast<std::ptrdiff_t>(at + n));
    feed(Bytes(owned));
    at += n;
  }
}

/// Parts an input at the first `mark`, which belongs to neither; without one all is `second`.
inline std::pair<Bytes, Bytes> part(Bytes in, std::string_view mark) {
  const std::size_t at = as_text(in).find(mark);
  if (at == std::string_view::npos) {
    return {Bytes(), in};
  }
  return {in.first(at), in.subspan(at + mark.size())};
}

}  // namespace agp::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
