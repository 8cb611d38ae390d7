#pragma once

#include "cli/daemon_client.h"

#include <cstdint>
#include <string>
#include <string_view>

/// Documents of the daemon as text for people.
namespace agp::cli {

struct Style {
  bool color = false;
};

[[nodiscard]] Answer<std::string> render_usage(std::string_view document, const Style& style);

struct StatusText {
  std::string text;
  bool is_degraded = false;
};
[[nodiscard]] Answer<StatusText> render_status(std::string_view document, const Style& style);

/// {"error":{"code","message","hint"}} for --json.
[[nodiscard]] std::string failure_document(const Failure& failure);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t value);

}  // namespace agp::cli
