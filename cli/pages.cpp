#include "cli/completion.h"
#include "cli/grammar.h"
#include "cli/manual.h"

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

// Makes what is installed beside the command from its grammar, at build time:
// agp-pages bash|zsh|fish|table, or agp-pages man PAGE.
int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "bash") {
    std::cout << agp::cli::bash_completion();
  } else if (what == "zsh") {
    std::cout << agp::cli::zsh_completion();
  } else if (what == "fish") {
    std::cout << agp::cli::fish_completion();
  } else if (what == "table") {
    std::cout << agp::cli::grammar_lines();
  } else if (what == "man" && argc == 3) {
    std::ifstream file(argv[2]);
    std::ostringstream page;
    page << file.rdbuf();
    std::cout << agp::cli::manual_with_grammar(page.str());
    return file && std::cout.flush() ? 0 : 1;
  } else {
    return 64;
  }
  return std::cout.flush() ? 0 : 1;
}
