#pragma once

#include "cli/grammar.h"

#include <cstddef>
#include <string>
#include <string_view>

/// --help, from the grammar, for a terminal of 80 columns.
namespace agp::cli {

[[nodiscard]] std::string help_text();
[[nodiscard]] std::string help_text(const VerbGroup& group);
[[nodiscard]] std::string help_text(const Verb& verb);

/// Words in lines of at most `width` columns; all but the first line begin with `indent` blanks.
/// @param column  where the first line begins.
[[nodiscard]] std::string wrapped(std::string_view text,
                                  std::size_t width,
                                  std::size_t indent,
                                  std::size_t column);

}  // namespace agp::cli
