#pragma once

#include "common/base/secret.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a language server says on its standard error. A core: no pipe here.
namespace agp::ls {

/// `line` without control characters, known secrets and whatever looks like one: long words of
/// letters and digits, and what follows words such as "token" and "Bearer".
[[nodiscard]] std::string without_secrets(std::string_view line,
                                          const std::vector<Secret<std::string>>& secrets);

/// Reads where it listens, and remembers its last lines for whoever wonders why it ended. Nothing
/// else of it is kept or written anywhere: such logs may quote a conversation.
class ServerLog {
 public:
  static constexpr std::size_t kMaxLines = 10;
  static constexpr std::size_t kMaxLineBytes = 300;

  /// @param secrets  never shown.
  explicit ServerLog(std::vector<Secret<std::string>> secrets = {})
      : secrets_(std::move(secrets)) {}

  /// The next octets, in order. Any split is equivalent.
  /// @return whether it has just said where it takes HTTPS.
  bool feed(std::string_view bytes);

  /// Source: ls-protocol reference, section 1.6, log lines.
  [[nodiscard]] std::optional<std::uint16_t> https_port() const { return https_port_; }
  /// Oldest first. A panic or fatal error stays the first of them, however long its trace is.
  [[nodiscard]] std::vector<std::string> last_lines() const;

 private:
  bool end_line();

  std::vector<Secret<std::string>> secrets_;
  std::string line_;  // not ended yet, cut
  std::optional<std::string> fatal_;
  std::deque<std::string> lines_;
  std::optional<std::uint16_t> https_port_;
};

}  // namespace agp::ls
