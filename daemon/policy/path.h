#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

/// Request paths as rules see them: one spelling for each path, and every meaning that a server
/// may give to an ambiguous one.
namespace agp::policy {

inline constexpr std::size_t kMaxTargetBytes = 16U << 10U;
inline constexpr std::size_t kMaxPatternBytes = 2048;
/// A path with more meanings than this has none.
inline constexpr std::size_t kMaxReadings = 64;

/// A path of a rule. `*` stands for any octets of one segment, `**` for any octets, and a `*` that
/// ends the pattern is a prefix: it crosses segments as well. A star of the path itself is written
/// %2A.
class PathPattern {
 public:
  /// Begins with `/` and is kept in its canonical spelling. Refused: dot segments, a query, a
  /// fragment, spaces and control characters, broken percent-encoding.
  [[nodiscard]] static std::optional<PathPattern> parse(std::string_view text);

  /// @param path  canonical, as canonical_path and path_readings give it.
  [[nodiscard]] bool matches(std::string_view path) const;
  [[nodiscard]] bool is_exact() const { return pieces_.size() == 1; }
  /// Greater is more specific: exact before patterns, then the longer literal beginning, then more
  /// literal octets in all.
  [[nodiscard]] std::tuple<bool, std::size_t, std::size_t> specificity() const;
  /// As it was written.
  [[nodiscard]] const std::string& text() const { return text_; }

  friend bool operator==(const PathPattern&, const PathPattern&) = default;

 private:
  struct Piece {
    std::string literal;
    bool crosses_segments = false;  // the star before this piece; of no meaning for the first

    friend bool operator==(const Piece&, const Piece&) = default;
  };
  std::string text_;
  std::vector<Piece> pieces_ = {{}};  // literals with a star between each two
};

/// The path of a request target in its canonical spelling: without query, every octet that may
/// stand for itself decoded, all others as %XX in upper case, dot segments removed. What has a
/// meaning of its own when decoded (`/`, `;`, `?`, `%`, ...) stays encoded. Idempotent.
/// @param target  origin form (`/v1/x?q`), absolute form (`http://h/v1/x`) or `*`, which is `/*`.
/// Source: RFC 3986 section 6.2.2, RFC 9112 section 3.2.
[[nodiscard]] std::string canonical_path(std::string_view target);

/// Every path that a server may take the target for, the canonical one first, none twice. More
/// than one only for what servers disagree about: dot segments, repeated or trailing slashes,
/// encoded slashes, backslashes, `;parameters`, `#`, %00, %3F and percent-encoding over
/// percent-encoding, in any order and any number of times.
/// @return nullopt when nobody can say: longer than kMaxTargetBytes, or more than kMaxReadings.
[[nodiscard]] std::optional<std::vector<std::string>> path_readings(std::string_view target);

}  // namespace agp::policy
