#include "daemon/cost/match.h"

#include <algorithm>
#include <array>
#include <regex>
#include <utility>

namespace agp::cost {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t leading_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                  text.begin());
}

// Behind a name: "-11-2025" or "-05-06" are dates, "-5" and "-5-20261101" are further numbers.
bool is_further_number(std::string_view rest) {
  if (rest.size() < 2 || (rest.front() != '-' && rest.front() != '.')) {
    return false;
  }
  rest.remove_prefix(1);
  const std::size_t digits = leading_digits(rest);
  if (digits == 0 || digits > 2) {
    return false;
  }
  if (digits == 2 && rest.substr(2).starts_with('-')) {
    const std::size_t second = leading_digits(rest.substr(3));
    return second != 2 && second != 4;
  }
  return true;
}

// "claude-opus-4-1" does not stand for "claude-opus-4-10", but "gemini-2.0-flash-0" does for
// "gemini-2.0-flash-001" and "claude-sonnet-4-2025" for "claude-sonnet-4-20250514".
bool is_longer_number(std::string_view text, std::string_view rest) {
  if (rest.empty() || !is_digit(rest.front())) {
    return false;
  }
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[text.size() - 1 - digits])) {
    ++digits;
  }
  return (digits == 1 || digits == 2) && text[text.size() - digits] != '0';
}

bool is_other_product(std::string_view rest) {
  static constexpr std::array<std::string_view, 12> kWords = {"lite",  "mini",  "nano",  "pro",
                                                              "max",   "ultra", "image", "audio",
                                                              "video", "tts",   "live",  "deep"};
  if (!rest.starts_with('-')) {
    return false;
  }
  rest.remove_prefix(1);
  const std::string_view word = rest.substr(0, rest.find_first_of("-.:@"));
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

bool is_sibling(std::string_view text, std::string_view rest) {
  return is_further_number(rest) || is_longer_number(text, rest) || is_other_product(rest);
}

}  // namespace

struct Match::Pattern {
  std::regex regex;
};

std::string lower_case(std::string_view text) {
  std::string made(text);
  for (char& c : made) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return made;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                : name == pattern;
}

Result<Match> Match::text(Kind kind, std::string_view text) {
  Match made;
  made.kind_ = kind;
  if (kind != Kind::regex) {
    made.text_ = lower_case(text);
    return made;
  }
  try {
    made.pattern_ = std::make_shared<const Pattern>(
        Pattern{std::regex(text.begin(), text.end(), std::regex::ECMAScript)});
  } catch (const std::regex_error& e) {
    return Error{make_error_code(boost::system::errc::invalid_argument),
                 "regular expression " + std::string(text) + ": " + e.what()};
  }
  return made;
}

Match Match::parts(Kind kind, std::vector<Match> parts) {
  Match made;
  made.kind_ = kind;
  made.parts_ = std::move(parts);
  return made;
}

bool Match::matches(std::string_view name) const {
  const auto part = [&](const Match& each) {
    return each.matches(name);
  };
  switch (kind_) {
    case Kind::equals:
      return name == text_;
    case Kind::starts_with:
      return name.starts_with(text_) && !is_sibling(text_, name.substr(text_.size()));
    case Kind::ends_with:
      return name.ends_with(text_);
    case Kind::contains: {
      const std::size_t at = name.find(text_);
      return at != std::string_view::npos && !is_sibling(text_, name.substr(at + text_.size()));
    }
    case Kind::regex:
      return std::regex_search(name.begin(), name.end(), pattern_->regex);
    case Kind::all_of:
      return std::all_of(parts_.begin(), parts_.end(), part);
    case Kind::any_of:
      return std::any_of(parts_.begin(), parts_.end(), part);
  }
  return false;
}

}  // namespace agp::cost
