#pragma once

#include <string>

/// What the shells need to complete command lines, from the grammar.
namespace agp::cli {

[[nodiscard]] std::string bash_completion();
[[nodiscard]] std::string zsh_completion();
[[nodiscard]] std::string fish_completion();

}  // namespace agp::cli
