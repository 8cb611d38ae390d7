#pragma once

#include "cli/daemon_client.h"
#include "cli/style.h"

#include <cstdint>
#include <string>
#include <string_view>

/// Documents of the daemon as text for people.
namespace agp::cli {

[[nodiscard]] Answer<std::string> render_usage(std::string_view document, const Style& style);

/// A page of records; it ends with the words for the next one.
[[nodiscard]] Answer<std::string> render_records(std::string_view document, const Style& style);

struct StatusText {
  std::string text;
  bool is_degraded = false;
};
[[nodiscard]] Answer<StatusText> render_status(std::string_view document, const Style& style);

/// The language server, and what a command about it ends with.
struct LanguageServerText {
  std::string text;
  bool is_usable = false;
  bool is_stopped = false;  // on request
  bool is_failing = false;
};
[[nodiscard]] Answer<LanguageServerText> render_language_server(std::string_view document,
                                                                const Style& style);
/// Quota, models and sessions; degraded where they are not what the language server says now.
[[nodiscard]] Answer<StatusText> render_quota(std::string_view document, const Style& style);
[[nodiscard]] Answer<StatusText> render_models(std::string_view document, const Style& style);
[[nodiscard]] Answer<StatusText> render_sessions(std::string_view document, const Style& style);

/// A document about the policy, and what the command ends with after showing it.
struct PolicyText {
  std::string text;
  Exit exit = Exit::ok;
};
[[nodiscard]] Answer<PolicyText> render_policy(std::string_view document);
[[nodiscard]] Answer<PolicyText> render_policy_check(std::string_view document);
[[nodiscard]] Answer<PolicyText> render_policy_reload(std::string_view document);
[[nodiscard]] Answer<PolicyText> render_config_check(std::string_view document);

/// {"error":{"code","message","hint"}} for --json.
[[nodiscard]] std::string failure_document(const Failure& failure);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t value);

}  // namespace agp::cli
