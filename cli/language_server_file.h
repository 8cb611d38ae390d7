#pragma once

#include <string>
#include <vector>

namespace agp::cli {

/// What can be told of a language server's binary without running it.
struct LanguageServerFile {
  bool is_readable = false;
  bool is_go = false;              // carries the build information of the Go tool chain
  std::vector<std::string> flags;  // those of the asked ones whose name occurs in it
};

[[nodiscard]] LanguageServerFile inspect_language_server(const std::string& path,
                                                         const std::vector<std::string>& flags);

}  // namespace agp::cli
