#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

/// CRC-32C (Castagnoli), eight octets at a time. Source: RFC 3720, appendix B.4.
namespace agp::ledger {
namespace crc32c_detail {

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    std::uint32_t value = octet;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    }
    tables[0][octet] = value;
  }
  for (std::size_t octet = 0; octet < 256; ++octet) {
    for (std::size_t table = 1; table < 8; ++table) {
      const std::uint32_t before = tables[table - 1][octet];
      tables[table][octet] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

inline constexpr Tables kTables = make_tables();

}  // namespace crc32c_detail

/// @param before  the result for the octets before these; 0 at the start.
[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::uint8_t> octets,
                                          std::uint32_t before = 0) {
  const auto& tables = crc32c_detail::kTables;
  std::uint32_t crc = ~before;
  while (octets.size() >= 8) {
    crc ^= static_cast<std::uint32_t>(octets[0]) | static_cast<std::uint32_t>(octets[1]) << 8 |
           static_cast<std::uint32_t>(octets[2]) << 16 |
           static_cast<std::uint32_t>(octets[3]) << 24;
    crc = tables[7][crc & 0xFF] ^ tables[6][(crc >> 8) & 0xFF] ^ tables[5][(crc >> 16) & 0xFF] ^
          tables[4][crc >> 24] ^ tables[3][octets[4]] ^ tables[2][octets[5]] ^
          tables[1][octets[6]] ^ tables[0][octets[7]];
    octets = octets.subspan(8);
  }
  for (const std::uint8_t octet : octets) {
    crc = (crc >> 8) ^ tables[0][(crc ^ octet) & 0xFF];
  }
  return ~crc;
}

}  // namespace agp::ledger
