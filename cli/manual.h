#pragma once

#include <string>
#include <string_view>

namespace agp::cli {

/// The manual page with the parts that come from the grammar, where the page has the comments
/// `.\" SYNOPSIS`, `.\" VERBS` and `.\" EXITS` on lines of their own.
[[nodiscard]] std::string manual_with_grammar(std::string_view page);

}  // namespace agp::cli
