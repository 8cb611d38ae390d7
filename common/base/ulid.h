#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace agp {

/// 26 characters of Crockford base 32: 48 bits of Unix milliseconds, 80 bits of randomness.
/// Sorts by time. Randomness comes in, so that cores stay free of it.
/// Source: the ULID specification.
[[nodiscard]] std::string make_ulid(std::chrono::system_clock::time_point at,
                                    const std::array<std::uint8_t, 10>& randomness);

/// The same with randomness of the kernel (getrandom).
[[nodiscard]] std::string make_ulid(std::chrono::system_clock::time_point at);

}  // namespace agp
