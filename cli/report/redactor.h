#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Takes out of a text what is nobody's business. What it is not sure of goes.
namespace agp::cli::report {

class Redactor {
 public:
  /// @param known_hosts  names that stay: those that are inspected by default.
  explicit Redactor(std::vector<std::string> known_hosts);

  /// A word that goes wherever it stands: a user's name, the machine's.
  void add(const std::string& word, const std::string& stand_in);

  /// A YAML file: keys, line structure and what cannot be a secret (numbers, sizes, the words that
  /// the configuration knows) stay; every other value goes, here and in every later text.
  [[nodiscard]] std::string configuration(std::string_view yaml);

  /// Any text: words that were added, tokens, identifiers, addresses, hosts and home directories
  /// go.
  [[nodiscard]] std::string text(std::string_view text) const;

 private:
  struct Word {
    std::string word;
    std::string stand_in;
  };
  [[nodiscard]] std::string value(const std::string& text);
  [[nodiscard]] std::string token(const std::string& word) const;
  [[nodiscard]] bool is_known_host(std::string_view host) const;

  std::vector<std::string> known_hosts_;
  std::vector<Word> words_;
};

}  // namespace agp::cli::report
