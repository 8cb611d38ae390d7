#pragma once

#include "cli/grammar.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// A command line, read by the grammar.
namespace agp::cli {

struct Line {
  const Verb* verb = nullptr;          // none: no verb, an unknown one, or a group alone
  std::string named;                   // what the line names of a verb: "policy"
  std::vector<std::string> arguments;  // what is no option, without the verb
  std::map<std::string, std::string, std::less<>> values;  // "--name" and what it was given
  std::set<std::string, std::less<>> flags;                // "--name" of those without a value
  bool json = false;
  bool help = false;
  std::optional<std::string> fault;
  std::string nearest;  // what may have been meant, when the fault is an unknown word

  [[nodiscard]] std::optional<std::string> value(std::string_view option) const;
  [[nodiscard]] bool has(std::string_view flag) const { return flags.find(flag) != flags.end(); }
};

/// --json and --help are known wherever they stand; "--name value" and "--name=value" are the same,
/// and nothing may be given twice. After "--", and after the program of `run`, nothing is an
/// option.
[[nodiscard]] Line parse_line(const std::vector<std::string>& words);

/// The one of `known` that a mistyped word is nearest to; empty when none is near.
[[nodiscard]] std::string nearest_of(std::string_view word,
                                     const std::vector<std::string_view>& known);

}  // namespace agp::cli
