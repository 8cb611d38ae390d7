#pragma once

#include "common/base/result.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agp::cost {

/// Which model names a price belongs to: a tree of conditions. `starts_with` and `contains` do not
/// take a newer or smaller sibling: "claude-sonnet-5" is not "claude-sonnet-5-5", and
/// "gemini-3.6-flash" is not "gemini-3.6-flash-lite"; a date behind the name is none.
class Match {
 public:
  enum class Kind { equals, starts_with, ends_with, contains, regex, all_of, any_of };

  /// @param text  for a regular expression: of JavaScript, unanchored, applied to lower case.
  [[nodiscard]] static Result<Match> text(Kind kind, std::string_view text);
  [[nodiscard]] static Match parts(Kind kind, std::vector<Match> parts);

  /// @param name  lower case.
  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  struct Pattern;

  Kind kind_ = Kind::equals;
  std::string text_;
  std::shared_ptr<const Pattern> pattern_;
  std::vector<Match> parts_;
};

[[nodiscard]] std::string lower_case(std::string_view text);

/// Equal, or with a star at the end of `pattern` a beginning. Both lower case.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace agp::cost
