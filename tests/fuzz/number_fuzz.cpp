#include "daemon/usage/limits.h"
#include "daemon/usage/number.h"
#include "tests/fuzz/fuzz.h"

#include <cmath>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agp;
  const std::string text(as_text({data, size}));
  if (const auto value = usage::parse_count(text)) {
    fuzz::require(*value <= usage::kMaxCount, "a count has a limit");
    fuzz::require(usage::parse_count(std::to_string(*value)) == value, "a count reads back");
    // 64 bits of mantissa hold every count; long fractions of zeros are rounded away.
    const long double other = std::strtold(text.c_str(), nullptr);
    fuzz::require(std::fabs(other - static_cast<long double>(*value)) < 0.001L,
                  "a count is what the C library reads");
  }
  if (const auto value = usage::parse_count_string(text)) {
    fuzz::require(*value <= usage::kMaxCount && usage::parse_count_string(text) == value &&
                      !text.empty() && text.size() <= 13,
                  "a string of digits has a limit");
  }
  return 0;
}
