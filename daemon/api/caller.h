#pragma once

#include "daemon/api/http.h"
#include "daemon/api/visibility.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace agp::api {

/// The key of `Authorization: Bearer KEY`; nothing without one, or with several.
[[nodiscard]] std::optional<std::string_view> bearer_key(const Request& request);

/// Whom a key stands for.
using KeyHolder = std::function<std::optional<std::uint32_t>(std::string_view key)>;

/// Who is asking. A key that is one speaks for its user, whoever sent it; one that is none does not
/// matter as long as the kernel knows the caller, since programs for OpenAI's API always send some.
/// The language server stays refused whatever it sends.
/// @param uid  what the kernel says.
[[nodiscard]] Visibility identify(const Request& request,
                                  std::optional<std::uint32_t> uid,
                                  const VisibilityRules& rules,
                                  const KeyHolder& key_holder);

}  // namespace agp::api
