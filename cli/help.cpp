#include "cli/help.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace agp::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kWidestName = 20;

using Entry = std::pair<std::string, std::string>;

// Names on the left, as wide as the widest that is not too wide, and what they mean beside them.
std::string list_of(std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) {
    return "";
  }
  std::size_t names = 0;
  for (const auto& [name, about] : entries) {
    names = std::max(names, name.size() > kWidestName ? 0 : name.size());
  }
  const auto indent = 2 + names + 2;
  std::string out = "\n" + std::string(title) + ":\n";
  for (const auto& [name, about] : entries) {
    out += "  " + name;
    out += name.size() > names ? "\n" + std::string(indent, ' ')
                               : std::string(indent - 2 - name.size(), ' ');
    out += wrapped(about, kWidth, indent, indent) + "\n";
  }
  return out;
}

std::vector<Entry> options_list(const std::vector<OptionRule>& options) {
  std::vector<Entry> out;
  for (const auto& option : options) {
    out.emplace_back(
        std::string(option.name) + (option.value.empty() ? "" : " " + std::string(option.value)),
        option.about);
  }
  return out;
}

std::string sentence(std::string_view about) {
  std::string out(about);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return "\n" + wrapped(out + ".", kWidth, 0, 0) + "\n";
}

std::string exits_list(const std::vector<ExitRule>& exits) {
  std::vector<Entry> entries;
  for (const auto& rule : exits) {
    entries.emplace_back(std::to_string(static_cast<int>(rule.code)), rule.about);
  }
  return list_of("Exit codes", entries);
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out += "\n" + wrapped(text.substr(0, end), kWidth, 0, 0) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string words_in(const VerbGroup& group) {
  std::string out;
  for (const auto& verb : grammar()) {
    if (is_in_group(verb, group.name)) {
      out += (out.empty() ? "" : ", ") + std::string(second_word(verb));
    }
  }
  return out;
}

// The verbs of one word, and the groups where their first verb stands.
std::vector<Entry> verb_list() {
  std::vector<Entry> out;
  for (const auto& verb : grammar()) {
    const std::string first(verb.name.substr(0, verb.name.find(' ')));
    const auto* group = find_group(first);
    if (verb.is_hidden || (!out.empty() && out.back().first == first)) {
      continue;
    }
    out.emplace_back(first, group == nullptr ? std::string(verb.about)
                                             : words_in(*group) + ": " + std::string(group->about));
  }
  return out;
}

}  // namespace

std::string wrapped(std::string_view text,
                    std::size_t width,
                    std::size_t indent,
                    std::size_t column) {
  std::string out;
  bool is_first = true;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (!is_first && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!is_first) {
      out += " ";
      ++column;
    }
    out += word;
    column += word.size();
    is_first = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string help_text() {
  return "Usage: antigravity-proxy VERB [ARGUMENTS] [OPTIONS]\n"
         "\n"
         "Measures what language models on this machine use, to the token.\n" +
         list_of("Verbs", verb_list()) +
         list_of("Options of every verb", options_list(common_options())) +
         exits_list(exit_table()) + "\nWhat a verb takes: antigravity-proxy VERB --help\n";
}

std::string help_text(const VerbGroup& group) {
  const std::string name(group.name);
  std::vector<Entry> verbs;
  std::string usage;
  for (const auto& verb : grammar()) {
    if (is_in_group(verb, group.name)) {
      usage += (usage.empty() ? "Usage: " : "       ") + std::string("antigravity-proxy ") +
               synopsis_of(verb) + "\n";
      verbs.emplace_back(second_word(verb), verb.about);
    }
  }
  return usage + sentence(group.about) + list_of("Verbs", verbs) +
         list_of("Options of every verb", options_list(common_options())) +
         "\nWhat a verb takes: antigravity-proxy " + name + " VERB --help\n";
}

std::string help_text(const Verb& verb) {
  std::vector<Entry> arguments;
  for (const auto& rule : verb.arguments) {
    arguments.emplace_back(rule.name, rule.about);
  }
  std::string examples;
  for (const auto& example : verb.examples) {
    examples += (examples.empty() ? "\nExamples:\n  " : "  ") + std::string(example) + "\n";
  }
  return "Usage: antigravity-proxy " + synopsis_of(verb) + "\n" + sentence(verb.about) +
         paragraphs(verb.details) + list_of("Arguments", arguments) +
         list_of("Options", options_list(options_of(verb))) + exits_list(verb.exits) + examples;
}

}  // namespace agp::cli
