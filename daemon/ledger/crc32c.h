#pragma once

#include <cstdint>
#include <span>

#include <isa-l/crc.h>

namespace agp::ledger {

/// CRC-32C (Castagnoli). @param octets  at most 2 GiB; @param before  the result for the octets
/// before these; 0 at the start. Source: RFC 3720, appendix B.4.
[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::uint8_t> octets,
                                          std::uint32_t before = 0) {
  // The library only reads; its declaration lacks the const.
  return ~::crc32_iscsi(const_cast<unsigned char*>(octets.data()), static_cast<int>(octets.size()),
                        ~before);
}

}  // namespace agp::ledger
