#include "daemon/usage/json_scan.h"

#include <array>
#include <bit>
#include <cstddef>

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace agp::usage {
namespace {

constexpr std::ptrdiff_t kLongestEscape = 6;

bool is_hex(std::uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// The letters of the escapes of two octets.
constexpr std::array<bool, 256> kShortEscapes = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'}) {
    table[static_cast<std::uint8_t>(c)] = true;
  }
  return table;
}();

#if defined(__x86_64__)
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;

[[gnu::target("avx2")]] inline __m256i specials_of(__m256i octets) {
  return _mm256_or_si256(
      _mm256_or_si256(_mm256_cmpeq_epi8(octets, _mm256_set1_epi8('"')),
                      _mm256_cmpeq_epi8(octets, _mm256_set1_epi8('\\'))),
      _mm256_cmpeq_epi8(_mm256_min_epu8(octets, _mm256_set1_epi8(0x1F)), octets));
}

[[gnu::target("avx2")]] inline std::uint64_t mask_of(__m256i low, __m256i high) {
  return std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(high))} << 32U |
         static_cast<std::uint32_t>(_mm256_movemask_epi8(low));
}

/// @return the first quote, backslash or control character, or where less than a step is left.
[[gnu::target("avx2")]] const std::uint8_t* find_special_avx2(const std::uint8_t* at,
                                                              const std::uint8_t* end) {
  for (; end - at >= 64; at += 64) {
    const __m256i first = specials_of(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    const __m256i second =
        specials_of(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32)));
    const __m256i both = _mm256_or_si256(first, second);
    if (_mm256_testz_si256(both, both) == 0) {
      return at + std::countr_zero(mask_of(first, second));
    }
  }
  return at;
}

/// Left alone, the compiler does the arithmetic on masks partly in mask registers, and every change
/// between the two kinds of registers costs more than all of the arithmetic.
inline std::uint64_t in_register(std::uint64_t mask) {
  __asm__("" : "+r"(mask));
  return mask;
}

/// Of 64 octets, one bit each.
struct Marks {
  std::uint64_t backslashes = 0;
  std::uint64_t stops = 0;  // quotes and control characters
  std::uint64_t letters = 0;
};

// The letters of short escapes are found by their halves, which are looked up: bits 1 for 0x2_,
// 2 for 0x5_, 4 for 0x6_, 8 for 0x7_; that is " / \ b f n r t.
constexpr std::array<std::uint8_t, 16> kByLowHalf = {0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0,
                                                     0, 0, 0,         0, 2, 0, 4, 1};
constexpr std::array<std::uint8_t, 16> kByHighHalf = {0, 0, 1, 0, 0, 2, 4, 8,
                                                      0, 0, 0, 0, 0, 0, 0, 0};

inline __m128i load(const std::array<std::uint8_t, 16>& table) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data()));
}

[[gnu::target("avx2")]] inline __m256i no_letters_of(__m256i octets) {
  const __m256i by_low = _mm256_broadcastsi128_si256(load(kByLowHalf));
  const __m256i by_high = _mm256_broadcastsi128_si256(load(kByHighHalf));
  const __m256i half = _mm256_set1_epi8(0x0F);
  const __m256i low = _mm256_shuffle_epi8(by_low, _mm256_and_si256(octets, half));
  const __m256i high =
      _mm256_shuffle_epi8(by_high, _mm256_and_si256(_mm256_srli_epi16(octets, 4), half));
  return _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
}

[[gnu::target("avx2")]] inline __m256i stops_of(__m256i octets) {
  return _mm256_or_si256(
      _mm256_cmpeq_epi8(octets, _mm256_set1_epi8('"')),
      _mm256_cmpeq_epi8(_mm256_min_epu8(octets, _mm256_set1_epi8(0x1F)), octets));
}

[[gnu::target("avx2")]] inline Marks marks_avx2(const std::uint8_t* at) {
  const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
  const __m256i backslash = _mm256_set1_epi8('\\');
  return {
      mask_of(_mm256_cmpeq_epi8(first, backslash), _mm256_cmpeq_epi8(second, backslash)),
      mask_of(stops_of(first), stops_of(second)),
      ~mask_of(no_letters_of(first), no_letters_of(second)),
  };
}

[[gnu::target("avx512bw")]] inline Marks marks_avx512(const std::uint8_t* at) {
  const __m512i octets = _mm512_loadu_si512(at);
  const __m512i by_low = _mm512_broadcast_i32x4(load(kByLowHalf));
  const __m512i by_high = _mm512_broadcast_i32x4(load(kByHighHalf));
  const __m512i half = _mm512_set1_epi8(0x0F);
  const __m512i low = _mm512_shuffle_epi8(by_low, _mm512_and_si512(octets, half));
  const __m512i high =
      _mm512_shuffle_epi8(by_high, _mm512_and_si512(_mm512_srli_epi16(octets, 4), half));
  return {
      in_register(_mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('\\'))),
      in_register(_mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('"')) |
                  _mm512_cmplt_epu8_mask(octets, _mm512_set1_epi8(0x20))),
      in_register(_mm512_test_epi8_mask(low, high)),
  };
}

/// Which octets of 64 stand behind a backslash that is not escaped itself. A run of backslashes
/// that begins at an even place ends a carry differently from one that begins at an odd place:
/// adding the starts to the runs tells where each ends.
/// Source: Langdale and Lemire, "Parsing gigabytes of JSON per second", section 3.1.1.
inline std::uint64_t escaped_of(std::uint64_t backslashes, std::uint64_t* is_escaped) {
  constexpr std::uint64_t kEven = 0x5555555555555555;
  backslashes &= in_register(~*is_escaped);
  const std::uint64_t follows = in_register(backslashes << 1U | *is_escaped);
  const std::uint64_t odd_starts = in_register(backslashes & ~kEven & in_register(~follows));
  std::uint64_t even_runs = 0;
  *is_escaped = __builtin_add_overflow(odd_starts, backslashes, &even_runs) ? 1 : 0;
  return in_register((kEven ^ (even_runs << 1U)) & follows);
}

/// @param is_escaped  1: the octet before `at` is a backslash that counts; the same for the next.
/// @return where in 64 octets skip_text() ends; null when not there.
inline const std::uint8_t* stop_in(const std::uint8_t* at,
                                   const Marks& marks,
                                   std::uint64_t* is_escaped) {
  const std::uint64_t escaped = escaped_of(marks.backslashes, is_escaped);
  std::uint64_t stops = in_register(marks.stops & in_register(~escaped));
  // Behind these stands no letter of a short escape: four digits, or a fault that begins at its
  // backslash.
  for (std::uint64_t rest = in_register(escaped & in_register(~marks.letters)); rest != 0;
       rest &= rest - 1) {
    const std::uint8_t* const c = at + std::countr_zero(rest);
    if (*c != 'u' || !is_hex(c[1]) || !is_hex(c[2]) || !is_hex(c[3]) || !is_hex(c[4])) {
      const std::uint64_t before = (rest & -rest) - 1;
      stops &= before;
      return stops != 0 ? at + std::countr_zero(stops) : c - 1;
    }
  }
  return stops != 0 ? at + std::countr_zero(stops) : nullptr;
}

/// As skip_text(), 64 octets at a time whatever is in them.
[[gnu::target("avx2")]] const std::uint8_t* skip_text_avx2(const std::uint8_t* at,
                                                           const std::uint8_t* end) {
  std::uint64_t is_escaped = 0;
  for (; end - at >= 64 + kLongestEscape; at += 64) {
    if (const auto* stop = stop_in(at, marks_avx2(at), &is_escaped)) {
      return stop;
    }
  }
  return at - is_escaped;
}

[[gnu::target("avx512bw")]] const std::uint8_t* skip_text_avx512(const std::uint8_t* at,
                                                                 const std::uint8_t* end) {
  std::uint64_t is_escaped = 0;
  for (; end - at >= 64 + kLongestEscape; at += 64) {
    if (const auto* stop = stop_in(at, marks_avx512(at), &is_escaped)) {
      return stop;
    }
  }
  return at - is_escaped;
}

/// Null without a processor for it.
const SkipText skip_text_in_steps = __builtin_cpu_supports("avx512bw") != 0 ? skip_text_avx512
                                    : __builtin_cpu_supports("avx2") != 0   ? skip_text_avx2
                                                                            : nullptr;
#endif

/// As skip_text(), from one escape to the next.
const std::uint8_t* skip_text_by_escapes(const std::uint8_t* at, const std::uint8_t* end) {
  while (true) {
    at = find_special(at, end);
    if (end - at < kLongestEscape || *at != '\\') {
      return at;
    }
    if (kShortEscapes[at[1]]) {
      at += 2;
    } else if (at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5])) {
      at += kLongestEscape;
    } else {
      return at;
    }
  }
}

}  // namespace

// Many octets at a time: this loop sees nearly every octet of every model answer.
const std::uint8_t* find_special(const std::uint8_t* at, const std::uint8_t* end) {
#if defined(__x86_64__)
  const __m128i quotes = _mm_set1_epi8('"');
  const __m128i backslashes = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1F);
  // Most strings are short; what is longer than a few words is worth the call.
  const std::uint8_t* const first_words = at + 32;
  while (end - at >= 16) {
    if (at == first_words && has_avx2) {
      at = find_special_avx2(at, end);
      if (end - at < 16) {
        break;
      }
    }
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i hits = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(octets, quotes), _mm_cmpeq_epi8(octets, backslashes)),
        _mm_cmpeq_epi8(_mm_min_epu8(octets, last_control), octets));
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(hits));
    if (mask != 0) {
      return at + std::countr_zero(mask);
    }
    at += 16;
  }
#endif
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  while (end - at >= 8) {
    std::uint64_t word = 0;
    ::memcpy(&word, at, sizeof word);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    const std::uint64_t hit = (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                               ((word - kOnes * 0x20) & ~word)) &
                              kHigh;
    if (hit != 0) {
      if constexpr (std::endian::native == std::endian::little) {
        // Borrows can only mark octets behind the first true hit, so the lowest mark is right.
        return at + std::countr_zero(hit) / 8;
      }
      break;
    }
    at += 8;
  }
  while (at != end && *at != '"' && *at != '\\' && *at >= 0x20) {
    ++at;
  }
  return at;
}

const std::uint8_t* skip_text(const std::uint8_t* at, const std::uint8_t* end) {
#if defined(__x86_64__)
  if (skip_text_in_steps != nullptr && end - at >= 64 + kLongestEscape) {
    // Many strings are a word.
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto marks = [octets](char c) {
      return _mm_movemask_epi8(_mm_cmpeq_epi8(octets, _mm_set1_epi8(c)));
    };
    if (marks('"') == 0 || marks('\\') != 0) {
      at = skip_text_in_steps(at, end);
    }
  }
#endif
  return skip_text_by_escapes(at, end);
}

std::vector<SkipText> skip_text_ways() {
  std::vector<SkipText> ways{skip_text, skip_text_by_escapes};
#if defined(__x86_64__)
  if (has_avx2) {
    ways.push_back(skip_text_avx2);
  }
  if (__builtin_cpu_supports("avx512bw") != 0) {
    ways.push_back(skip_text_avx512);
  }
#endif
  return ways;
}

const std::uint8_t* skip_string(const std::uint8_t* at, const std::uint8_t* end) {
  at = skip_text(at, end);
  // Near the end of the input an escape may be cut.
  while (at != end && *at != '"') {
    if (*at == '\\') {
      if (end - at >= 2 && kShortEscapes[at[1]]) {
        at += 2;
      } else if (end - at >= kLongestEscape && at[1] == 'u' && is_hex(at[2]) && is_hex(at[3]) &&
                 is_hex(at[4]) && is_hex(at[5])) {
        at += kLongestEscape;
      } else {
        return nullptr;
      }
    } else if (*at >= 0x20) {
      ++at;
    } else {
      return nullptr;
    }
  }
  return at == end ? nullptr : at;
}

bool is_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      ++at;
    }
    return at - from;
  };
  if (at < text.size() && text[at] == '-') {
    ++at;
  }
  const std::size_t first = at;
  const std::size_t n = digits();
  if (n == 0 || (n > 1 && text[first] == '0')) {
    return false;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) {
      return false;
    }
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
      ++at;
    }
    if (digits() == 0) {
      return false;
    }
  }
  return at == text.size();
}

}  // namespace agp::usage
