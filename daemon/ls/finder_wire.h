#pragma once

#include "common/base/result.h"
#include "daemon/ls/process_scan.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What the daemon and antigravity-proxy-finder say to each other: one line of JSON each way, of a
/// version that both must have. A core: lines come in without their end, and go out with it.
namespace agp::ls {

inline constexpr std::size_t kQuestionLimit = 4096;
/// 256 sessions with the longest texts there are, each octet of them escaped.
inline constexpr std::size_t kAnswerLimit = 8 * 1024 * 1024;

/// What SessionFinder::find and its options say.
struct FinderQuestion {
  std::string user = "auto";
  std::optional<std::uint64_t> keep;
};

[[nodiscard]] std::string encode_question(const FinderQuestion& question);
/// @return control::Errc::scan_failed for what is no question of this version.
[[nodiscard]] Result<FinderQuestion> decode_question(std::string_view line);

/// A session goes out with what a second language server is started with, and no more. The line
/// has its tokens.
[[nodiscard]] std::string encode_answer(const Result<SessionFinder::Found>& answer);
/// Believes nothing that a look of one's own would not have said: what is too large, out of range
/// or contradicts itself is no answer.
/// @return the finder's own error, or control::Errc::scan_failed.
[[nodiscard]] Result<SessionFinder::Found> decode_answer(std::string_view line);

}  // namespace agp::ls
