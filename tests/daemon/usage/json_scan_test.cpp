#include "daemon/usage/json_scan.h"

#include "common/base/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

bool is_hex(char c) {
  return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos;
}

/// The length of the plain octet or escape at the front; 0 at a quote, a fault, or a cut escape.
std::size_t unit(std::string_view text) {
  if (text.empty() || text[0] == '"' || static_cast<std::uint8_t>(text[0]) < 0x20) {
    return 0;
  }
  if (text[0] != '\\') {
    return 1;
  }
  if (text.size() < 2) {
    return 0;
  }
  if (std::string_view("\"\\/bfnrt").find(text[1]) != std::string_view::npos) {
    return 2;
  }
  return text[1] == 'u' && text.size() >= 6 && is_hex(text[2]) && is_hex(text[3]) &&
                 is_hex(text[4]) && is_hex(text[5])
             ? 6
             : 0;
}

std::string some_string(std::mt19937* random) {
  static constexpr std::string_view kUnits[] = {"plain text ", "a",       "\\n",      "\\\"",
                                                "\\\\",        "\\u00e9", "\\\\\\\"", "\xC3\xA9",
                                                "u",           "\\/",     "\x7F"};
  static constexpr std::string_view kEnds[] = {"\"", "\n",      "\\x", "\\u12",
                                               "\\", "\\u00g0", "\1",  ""};
  std::string text;
  const std::size_t size = (*random)() % 400;
  const bool is_plain = (*random)() % 4 == 0;
  while (text.size() < size) {
    text += is_plain ? std::string_view("abcdefgh") : kUnits[(*random)() % std::size(kUnits)];
  }
  text += kEnds[(*random)() % std::size(kEnds)];
  for (std::size_t more = (*random)() % 200; more > 0; --more) {
    text += (*random)() % 8 == 0 ? '"' : 'z';
  }
  return text;
}

TEST(JsonScan, EveryWayGoesOverTextToItsEndOrItsFault) {
  std::mt19937 random(20);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = some_string(&random);
    std::size_t stop = 0;
    while (const std::size_t n = unit(std::string_view(text).substr(stop))) {
      stop += n;
    }
    // A block of exactly its size: reading past it is seen.
    const auto owned = std::make_unique<std::uint8_t[]>(text.size());
    std::copy(text.begin(), text.end(), owned.get());
    for (const SkipText way : skip_text_ways()) {
      const auto at =
          static_cast<std::size_t>(way(owned.get(), owned.get() + text.size()) - owned.get());
      ASSERT_LE(at, stop) << text;
      // Going on from there leads to the same end; the digits of an escape are plain text, too.
      std::size_t walked = at;
      while (const std::size_t n = unit(std::string_view(text).substr(walked))) {
        walked += n;
      }
      ASSERT_EQ(walked, stop) << text;
      if (text.size() - at > 70) {
        ASSERT_EQ(at, stop) << text;
      }
    }
  }
}

TEST(JsonScan, AStringIsSkippedOnlyWhenItIsWholeAndWellFormed) {
  std::mt19937 random(21);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = some_string(&random);
    std::size_t stop = 0;
    while (const std::size_t n = unit(std::string_view(text).substr(stop))) {
      stop += n;
    }
    const auto owned = std::make_unique<std::uint8_t[]>(text.size());
    std::copy(text.begin(), text.end(), owned.get());
    const std::uint8_t* const at = skip_string(owned.get(), owned.get() + text.size());
    if (stop < text.size() && text[stop] == '"') {
      ASSERT_EQ(at, owned.get() + stop) << text;
    } else {
      ASSERT_EQ(at, nullptr) << text;
    }
  }
}

TEST(JsonScan, FindsTheFirstOctetThatIsNoPlainText) {
  for (std::size_t size = 0; size < 200; ++size) {
    for (const char special : {'"', '\\', '\n', '\x1F'}) {
      std::string text(size, 'x');
      text += special;
      text += "\"";
      const Bytes bytes = as_bytes(text);
      EXPECT_EQ(find_special(bytes.data(), bytes.data() + bytes.size()), bytes.data() + size);
      EXPECT_EQ(find_special(bytes.data(), bytes.data() + size), bytes.data() + size);
    }
  }
}

TEST(JsonScan, KnowsNumbers) {
  for (const char* good : {"0", "-0", "10", "1.5", "1e9", "1E+9", "-12.5e-3"}) {
    EXPECT_TRUE(is_number(good)) << good;
  }
  for (const char* bad : {"", "-", "01", "1.", ".5", "1e", "+1", "1e+", "1.5.5", "--1"}) {
    EXPECT_FALSE(is_number(bad)) << bad;
  }
}

}  // namespace
}  // namespace agp::usage
