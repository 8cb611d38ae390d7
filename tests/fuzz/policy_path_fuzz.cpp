// The paths of rules: one spelling, stable, and no re-encoding of a blocked path gets by. The input
// is a target, and its octets also choose how a blocked path is disguised.

#include "daemon/policy/policy.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace agp::policy;

constexpr std::string_view kBlocked = "/v1/messages";

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

Policy blocking_policy() {
  Parts parts;
  HttpRule rule;
  rule.path = *PathPattern::parse(kBlocked);
  rule.is_allowed = false;
  HttpEntry entry;
  entry.match = *agp::config::HostPattern::parse("api.example");
  entry.rules.push_back(rule);
  parts.http.push_back(entry);
  return Policy(parts);
}

std::string encoded(char c, bool lower) {
  const char* digits = lower ? "0123456789abcdef" : "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  return {'%', digits[octet >> 4U], digits[octet & 0xFU]};
}

/// The blocked path, written so that some server takes it for just that. Few disguises at a time:
/// past a number of readings everything is blocked, which would prove nothing.
std::string disguised(const std::uint8_t* data, std::size_t size) {
  std::string out;
  std::size_t used = 0;
  int tricks = 0;
  const auto choice = [&]() -> unsigned {
    return used < size ? data[used++] : 0U;
  };
  for (const char c : kBlocked) {
    const unsigned trick = choice();
    if (trick % 4 == 1) {
      out += encoded(c, (trick & 4U) != 0);
      continue;
    }
    if (trick % 4 == 2 && tricks < 3) {
      ++tricks;
      out += "%25" + encoded(c, (trick & 4U) != 0).substr(1);
      continue;
    }
    if (c == '/' && trick % 4 == 3 && tricks < 3) {
      ++tricks;
      static constexpr std::string_view kSlashes[] = {
          "//", "/./", "\\", "%5c", "/x/../", "/%2e/", ";a=b/", "/x/..;/", "/x%2f%2E%2e/"};
      out += kSlashes[(trick >> 2U) % std::size(kSlashes)];
      continue;
    }
    out += c;
  }
  static constexpr std::string_view kEnds[] = {"", "?q=/x", "/", ";a", "%00", "#x", "/.", "%3fx"};
  return out + std::string(kEnds[choice() % std::size(kEnds)]);
}

void check_target(std::string_view target) {
  const auto canonical = canonical_path(target);
  require(canonical.starts_with('/'));
  require(canonical_path(canonical) == canonical);
  const auto readings = path_readings(target);
  if (!readings) {
    return;
  }
  require(readings->front() == canonical);
  require(readings->size() <= kMaxReadings);
  for (const auto& path : *readings) {
    require(path.starts_with('/'));
    require(path.find('?') == std::string::npos);
  }
}

void check_pattern(std::string_view text, std::string_view target) {
  const auto pattern = PathPattern::parse(text);
  if (!pattern) {
    return;
  }
  (void)pattern->matches(canonical_path(target));  // only that it ends
  if (pattern->is_exact()) {
    // What is written as a rule hits itself when it is asked for.
    require(pattern->matches(canonical_path(text)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Policy kPolicy = blocking_policy();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_target(text);
  const auto middle = size / 2;
  check_pattern(text.substr(0, middle), text.substr(middle));
  check_pattern(text, text);
  const auto path = disguised(data, size);
  require(!kPolicy.check("api.example", "POST", path).allowed);
  require(!kPolicy.check("api.example", "POST", "http://api.example" + path).allowed ||
          !path.starts_with('/'));
  return 0;
}
