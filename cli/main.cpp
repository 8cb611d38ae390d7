#include "cli/command.h"
#include "cli/complete_command.h"
#include "cli/terminal.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: any value but the empty one
  const bool color = ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || no_color[0] == '\0');
  agp::cli::BusDaemon daemon = agp::cli::is_completion(words)
                                   ? agp::cli::BusDaemon(agp::cli::kCompletionPatience)
                                   : agp::cli::BusDaemon();
  const auto columns = agp::cli::columns_of(STDOUT_FILENO, std::getenv("COLUMNS"));
  const auto output = agp::cli::run(words, daemon, {color, columns});
  (void)std::fputs(output.err.c_str(), stderr);  // nobody is left to be told
  const bool written = std::fputs(output.out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (!written && output.exit == agp::cli::Exit::ok) {
    return static_cast<int>(agp::cli::Exit::failed);
  }
  return static_cast<int>(output.exit);
}
