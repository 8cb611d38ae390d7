#include "cli/completion.h"
#include "cli/grammar.h"

#include <string_view>

namespace agp::cli {
namespace {

constexpr const char* kHead =
    R"fish(# Completion of antigravity-proxy for fish. Made from the command's grammar.

function __antigravity_proxy_words
    set -l words (commandline -opc)
    set -e words[1]
    string match -v -- '-*' $words
end

# The verb on the line is this one, of one word or two.
function __antigravity_proxy_at
    set -l words (__antigravity_proxy_words)
    set -l length (count $argv)
    test (count $words) -ge $length; and test "$words[1..$length]" = "$argv"
end

# The line has exactly these words, so that the next one is a verb.
function __antigravity_proxy_only
    set -l words (__antigravity_proxy_words)
    test "$words" = "$argv"
end

function __antigravity_proxy_values
    antigravity-proxy complete $argv[1] 2>/dev/null
end

complete -c antigravity-proxy -f
)fish";

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += (c == '\'' || c == '\\') ? "\\" : "";
    out += c;
  }
  return out + "'";
}

std::string line(const std::string& condition, const std::string& what, std::string_view about) {
  return "complete -c antigravity-proxy -n '" + condition + "' " + what +
         (about.empty() ? "" : " -d " + quoted(brief(about))) + "\n";
}

// What a value may be, as the arguments of `complete`; -r alone offers files.
std::string values_of(Kind kind) {
  const auto service = name_in_service(kind);
  if (!service.empty()) {
    return "-x -a '(__antigravity_proxy_values " + std::string(service) + ")'";
  }
  std::string words;
  for (const auto& word : words_of(kind)) {
    words += (words.empty() ? "" : " ") + std::string(word);
  }
  if (kind == Kind::keys) {
    return "-x -a '(__fish_complete_list , \"printf %s\\\\\\\\n " + words + "\")'";
  }
  switch (kind) {
    case Kind::file:
      return "-r -F";
    case Kind::user:
      return "-x -a '(__fish_complete_users)'";
    case Kind::program:
      return "-x -a '(__fish_complete_subcommand --fcs-skip=2)'";
    default:
      return "-x" + (words.empty() ? "" : " -a '" + words + "'");
  }
}

std::string lines_of(const Verb& verb) {
  const auto condition = "__antigravity_proxy_at " + std::string(verb.name);
  std::string out;
  for (const auto& option : options_of(verb)) {
    out += line(condition,
                "-l " + std::string(option.name.substr(2)) +
                    (option.value.empty() ? "" : " " + values_of(option.kind)),
                option.about);
  }
  for (const auto& rule : verb.arguments) {
    const auto values = values_of(rule.kind);
    if (values != "-x") {
      out += line(condition, values, "");
    }
  }
  return out;
}

}  // namespace

std::string fish_completion() {
  std::string out = kHead;
  std::string_view last;
  for (const auto& option : common_options()) {
    out +=
        line("__antigravity_proxy_only", "-l " + std::string(option.name.substr(2)), option.about);
  }
  for (const auto& verb : grammar()) {
    if (verb.is_hidden) {
      continue;
    }
    const auto word = verb.name.substr(0, verb.name.find(' '));
    const auto* group = find_group(word);
    if (word != last) {
      last = word;
      out += "\n" + line("__antigravity_proxy_only", "-a " + std::string(word),
                         group == nullptr ? verb.about : group->about);
    }
    if (group != nullptr) {
      out += line("__antigravity_proxy_only " + std::string(word),
                  "-a " + std::string(second_word(verb)), verb.about);
    }
    out += lines_of(verb);
  }
  return out;
}

}  // namespace agp::cli
