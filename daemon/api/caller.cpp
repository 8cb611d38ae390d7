#include "daemon/api/caller.h"

#include <algorithm>

namespace agp::api {
namespace {

constexpr std::string_view kScheme = "bearer";

bool is_scheme(std::string_view word) {
  return std::equal(word.begin(), word.end(), kScheme.begin(), kScheme.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

}  // namespace

std::optional<std::string_view> bearer_key(const Request& request) {
  const auto values = request.header("Authorization");
  if (values.size() != 1) {
    return std::nullopt;
  }
  const auto space = values.front().find(' ');
  if (space == std::string_view::npos || !is_scheme(values.front().substr(0, space))) {
    return std::nullopt;
  }
  auto key = values.front().substr(space);
  key.remove_prefix(std::min(key.find_first_not_of(' '), key.size()));
  return key.empty() ? std::nullopt : std::optional(key);
}

Visibility identify(const Request& request,
                    std::optional<std::uint32_t> uid,
                    const VisibilityRules& rules,
                    const KeyHolder& key_holder) {
  auto who = rules.of(uid);
  const auto key = bearer_key(request);
  if (!key || who.access == Visibility::Access::refused) {
    return who;
  }
  if (const auto holder = key_holder ? key_holder(*key) : std::nullopt) {
    return rules.of(*holder);
  }
  if (who.access == Visibility::Access::unidentified) {
    who.access = Visibility::Access::unknown_key;
  }
  return who;
}

}  // namespace agp::api
