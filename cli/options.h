#pragma once

#include "cli/command.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// Command lines of the verbs that take options with values.
namespace agp::cli {

struct Options {
  std::vector<std::string> plain;             // what is no option, the verb first
  std::map<std::string, std::string> values;  // "--name" and what it was given
  std::set<std::string> flags;                // "--name" of those without a value
  bool json = false;
  bool help = false;
  std::optional<std::string> fault;
};

/// --json and --help are always known; `known` are the options that take a value, as "--name value"
/// or "--name=value", `flags` those that take none; none may be given twice. After "--" nothing is
/// an option.
[[nodiscard]] Options parse_options(const std::vector<std::string>& words,
                                    const std::set<std::string>& known,
                                    const std::set<std::string>& flags = {});

/// Why there is no answer, on standard error or, with --json, as one document.
[[nodiscard]] Output failed(const Failure& failure, bool json);

/// A wrong command line, with a word about the verb's help.
[[nodiscard]] Output wrong_line(const std::string& fault, const std::string& verb, bool json);

}  // namespace agp::cli
