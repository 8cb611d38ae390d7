#include "daemon/api/utf8.h"

#include <cstddef>

namespace agp::api {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned octet(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

struct Sequence {
  std::size_t size = 0;  // 0: no code point begins with this octet
  unsigned low = 0x80;   // of the second octet: keeps overlong forms and surrogates out
  unsigned high = 0xBF;
};

Sequence sequence_of(unsigned first) {
  if (first >= 0x01 && first <= 0x7F) {
    return {1};
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return {2};
  }
  if (first >= 0xE0 && first <= 0xEF) {
    return {3, first == 0xE0 ? 0xA0U : 0x80U, first == 0xED ? 0x9FU : 0xBFU};
  }
  if (first >= 0xF0 && first <= 0xF4) {
    return {4, first == 0xF0 ? 0x90U : 0x80U, first == 0xF4 ? 0x8FU : 0xBFU};
  }
  return {};
}

// How many octets from `at` on belong together, and whether they are a whole code point.
struct Part {
  std::size_t size = 1;
  bool is_whole = false;
};

Part part_at(std::string_view text, std::size_t at) {
  const auto sequence = sequence_of(octet(text, at));
  if (sequence.size == 0) {
    return {};
  }
  std::size_t size = 1;
  for (; size < sequence.size && at + size < text.size(); ++size) {
    const auto next = octet(text, at + size);
    const bool is_second = size == 1;
    if (next < (is_second ? sequence.low : 0x80U) || next > (is_second ? sequence.high : 0xBFU)) {
      break;
    }
  }
  return {size, size == sequence.size};
}

}  // namespace

std::string utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto part = part_at(text, at);
    out += part.is_whole ? text.substr(at, part.size) : kReplacement;
    at += part.size;
  }
  return out;
}

}  // namespace agp::api
