#include "cli/completion.h"
#include "cli/grammar.h"

#include <string_view>

namespace agp::cli {
namespace {

constexpr const char* kHead = R"zsh(#compdef antigravity-proxy
# Completion of antigravity-proxy for zsh. Made from the command's grammar.

_antigravity_proxy_values() {
  local -a values
  values=(${(f)"$(_call_program values antigravity-proxy complete $1 2> /dev/null)"})
  compadd -a values
}

)zsh";

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

// Brackets end a description of an option.
std::string described(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += (c == '[' || c == ']' || c == '\\') ? "\\" : "";
    out += c;
  }
  return out;
}

std::string action_of(Kind kind) {
  const auto service = name_in_service(kind);
  if (!service.empty()) {
    return " _antigravity_proxy_values " + std::string(service);  // the blank: no further arguments
  }
  std::string words;
  for (const auto& word : words_of(kind)) {
    words += (words.empty() ? "" : " ") + std::string(word);
  }
  if (kind == Kind::keys) {
    return "_values -s , key " + words;
  }
  switch (kind) {
    case Kind::file:
      return "_files";
    case Kind::user:
      return "_users";
    case Kind::program:
      return "_normal";
    default:
      return words.empty() ? " " : "(" + words + ")";
  }
}

std::string option_spec(const OptionRule& option) {
  const std::string name(option.name);
  const auto about = "[" + described(brief(option.about)) + "]";
  return quoted(option.value.empty() ? name + about
                                     : name + "=" + about + ":" + std::string(option.value) + ":" +
                                           action_of(option.kind));
}

std::string argument_spec(const ArgumentRule& rule, std::size_t number) {
  const auto name = std::string(rule.name) + ":" + action_of(rule.kind);
  switch (rule.occurs) {
    case Occurs::once:
      return quoted(std::to_string(number) + ":" + name);
    case Occurs::maybe:
    case Occurs::with_previous:
      return quoted(std::to_string(number) + "::" + name);
    case Occurs::many:
      return quoted("*:" + name);
    case Occurs::program:
      return quoted("*::" + name);
  }
  return "";
}

std::string arguments_of(const Verb& verb, const std::string& indent) {
  std::string out = indent + "_arguments";
  for (const auto& option : options_of(verb)) {
    out += " \\\n" + indent + "  " + option_spec(option);
  }
  std::size_t number = 0;
  for (const auto& rule : verb.arguments) {
    out += " \\\n" + indent + "  " + argument_spec(rule, ++number);
  }
  return out + "\n";
}

std::string item(std::string_view name, std::string_view about) {
  return "    " + quoted(std::string(name) + ":" + std::string(brief(about))) + "\n";
}

std::string group_function(const VerbGroup& group) {
  std::string items;
  std::string cases;
  for (const auto& verb : grammar()) {
    if (is_in_group(verb, group.name)) {
      items += item(second_word(verb), verb.about);
      cases += "    " + std::string(second_word(verb)) + ")\n" + arguments_of(verb, "      ") +
               "      ;;\n";
    }
  }
  return "_antigravity_proxy_" + std::string(group.name) +
         "() {\n  local curcontext=$curcontext state line ret=1\n  local -A opt_args\n"
         "  local -a verbs=(\n" +
         items +
         "  )\n  _arguments -C '1: :->verb' '*:: :->rest' && ret=0\n"
         "  case $state in\n    verb) _describe -t verbs verb verbs && ret=0 ;;\n    rest)\n"
         "      case $words[1] in\n" +
         cases + "      esac && ret=0\n      ;;\n  esac\n  return ret\n}\n\n";
}

}  // namespace

std::string zsh_completion() {
  std::string groups;
  std::string items;
  std::string cases;
  std::string_view last;
  for (const auto& group : verb_groups()) {
    groups += group_function(group);
  }
  for (const auto& verb : grammar()) {
    const auto word = verb.name.substr(0, verb.name.find(' '));
    if (verb.is_hidden || word == last) {
      continue;
    }
    last = word;
    const auto* group = find_group(word);
    items += item(word, group == nullptr ? verb.about : group->about);
    cases += "        " + std::string(word) + ")\n" +
             (group == nullptr ? arguments_of(verb, "          ")
                               : "          _antigravity_proxy_" + std::string(word) + "\n") +
             "          ;;\n";
  }
  return kHead + groups +
         "_antigravity_proxy() {\n  local curcontext=$curcontext state line ret=1\n"
         "  local -A opt_args\n  local -a verbs=(\n" +
         items + "  )\n  _arguments -C" + " " + option_spec(common_options()[0]) + " " +
         option_spec(common_options()[1]) +
         " \\\n    '1: :->verb' '*:: :->rest' && ret=0\n"
         "  case $state in\n    verb) _describe -t verbs verb verbs && ret=0 ;;\n    rest)\n"
         "      case $words[1] in\n" +
         cases + "      esac && ret=0\n      ;;\n  esac\n  return ret\n}\n\n" +
         "_antigravity_proxy \"$@\"\n";
}

}  // namespace agp::cli
