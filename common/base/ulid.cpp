#include "common/base/ulid.h"

#include <cassert>

#include <sys/random.h>

namespace agp {

std::string make_ulid(std::chrono::system_clock::time_point at,
                      const std::array<std::uint8_t, 10>& randomness) {
  static constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  std::array<std::uint8_t, 16> raw{};
  for (std::size_t i = 0; i < 6; ++i) {
    raw[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(ms) >> (8 * (5 - i)));
  }
  for (std::size_t i = 0; i < randomness.size(); ++i) {
    raw[6 + i] = randomness[i];
  }
  // 26 digits of 5 bits are 130 bits: the two extra ones lead and are zero.
  std::string text(26, '0');
  unsigned accumulator = 0;
  unsigned bits = 2;
  std::size_t out = 0;
  for (const auto byte : raw) {
    accumulator = (accumulator << 8U) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[out++] = kAlphabet[(accumulator >> bits) & 31U];
    }
    accumulator &= (1U << bits) - 1U;
  }
  assert(out == text.size());
  return text;
}

std::string make_ulid(std::chrono::system_clock::time_point at) {
  std::array<std::uint8_t, 10> randomness{};
  [[maybe_unused]] const auto got = ::getrandom(randomness.data(), randomness.size(), 0);
  assert(got == static_cast<ssize_t>(randomness.size()));  // small reads never come short
  return make_ulid(at, randomness);
}

}  // namespace agp
