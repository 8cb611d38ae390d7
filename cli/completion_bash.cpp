#include "cli/completion.h"
#include "cli/grammar.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace agp::cli {
namespace {

// Values of the service come from the network: compgen -W would run a $(...) in them, so they are
// compared and quoted here.
constexpr const char* kHead =
    R"bash(# Completion of antigravity-proxy for bash. Made from the command's grammar.

_antigravity_proxy_offer() {
  local word
  while IFS= read -r word; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
  done
}

_antigravity_proxy_list() {
  local word done_part=
  [[ $cur == *,* ]] && done_part=${cur%,*},
  for word; do
    [[ $done_part$word == "$cur"* ]] && COMPREPLY+=("$done_part$word")
  done
  compopt -o nospace 2> /dev/null
}

)bash";

constexpr const char* kTail = R"bash(
_antigravity_proxy() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb= kind= plain= word
  local -i i position=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $kind && $word == = ]]; then
      continue  # bash splits --name=value in three
    elif [[ $kind ]]; then
      kind=
    elif [[ ! $plain && $word == -- ]]; then
      plain=yes
    elif [[ ! $plain && $word == -?* ]]; then
      kind=$(_antigravity_proxy_option_kind "$verb $word")
    elif [[ ! $verb ]]; then
      verb=$word
    elif [[ $(_antigravity_proxy_words "$verb") ]]; then
      verb="$verb $word"
    else
      position+=1
    fi
    if [[ $verb == run ]] && ((position > 0)); then
      declare -F _command_offset > /dev/null && _command_offset "$i"
      return
    fi
  done
  [[ $kind && $cur == = ]] && cur=
  if [[ $kind ]]; then
    _antigravity_proxy_values "$kind"
  elif [[ ! $plain && $cur == -* ]]; then
    _antigravity_proxy_offer < <(_antigravity_proxy_options "$verb")
  elif [[ $verb && ! $(_antigravity_proxy_words "$verb") ]]; then
    _antigravity_proxy_values "$(_antigravity_proxy_argument_kind "$verb" "$position")"
  else
    _antigravity_proxy_offer < <(_antigravity_proxy_words "$verb")
  fi
}

complete -F _antigravity_proxy antigravity-proxy
)bash";

std::string joined(const std::vector<std::string_view>& words, const char* between) {
  std::string out;
  for (const auto& word : words) {
    out += (out.empty() ? "" : between) + std::string(word);
  }
  return out;
}

// One function of one case statement, whose branches print lines.
class Cases {
 public:
  Cases(std::string_view name, std::string_view subject) {
    text_ = std::string(name) + "() {\n  case " + std::string(subject) + " in\n";
  }
  void add(const std::string& pattern, const std::string& action) {
    text_ += "    " + pattern + ") " + action + " ;;\n";
  }
  std::string take() { return text_ + "  esac\n}\n\n"; }

 private:
  std::string text_;
};

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string lines(const std::vector<std::string_view>& words) {
  return "printf '%s\\n' " + joined(words, " ");
}

// The name of a kind in the script; kinds that nothing can be offered for have none.
std::string name_of(Kind kind) {
  const auto service = name_in_service(kind);
  if (!service.empty()) {
    return std::string(service);
  }
  switch (kind) {
    case Kind::file:
      return "file";
    case Kind::user:
      return "user";
    case Kind::program:
      return "program";
    default:
      return words_of(kind).empty() ? "text" : "words" + std::to_string(static_cast<int>(kind));
  }
}

std::string verbs() {
  Cases cases("_antigravity_proxy_words", "$1");
  std::vector<std::string_view> first;
  for (const auto& verb : grammar()) {
    const auto word = verb.name.substr(0, verb.name.find(' '));
    if (!verb.is_hidden && (first.empty() || first.back() != word)) {
      first.push_back(word);
    }
  }
  cases.add("''", lines(first));
  for (const auto& group : verb_groups()) {
    std::vector<std::string_view> second;
    for (const auto& verb : grammar()) {
      if (is_in_group(verb, group.name)) {
        second.push_back(second_word(verb));
      }
    }
    cases.add(std::string(group.name), lines(second));
  }
  return cases.take();
}

std::string options() {
  Cases names("_antigravity_proxy_options", "$1");
  Cases kinds("_antigravity_proxy_option_kind", "$1");
  for (const auto& verb : grammar()) {
    if (verb.is_hidden) {
      continue;
    }
    std::vector<std::string_view> all;
    for (const auto& option : options_of(verb)) {
      all.push_back(option.name);
      if (!option.value.empty()) {
        kinds.add(quoted(std::string(verb.name) + " " + std::string(option.name)),
                  "echo " + name_of(option.kind));
      }
    }
    names.add(quoted(verb.name), lines(all));
  }
  names.add("*", "printf '%s\\n' --json --help");
  return names.take() + kinds.take();
}

std::string arguments() {
  Cases cases("_antigravity_proxy_argument_kind", "\"$1 $2\"");
  for (const auto& verb : grammar()) {
    for (std::size_t i = 0; !verb.is_hidden && i < verb.arguments.size(); ++i) {
      const auto& rule = verb.arguments[i];
      const auto at = rule.occurs == Occurs::many ? "*" : std::to_string(i);
      cases.add(quoted(std::string(verb.name) + " ") + at, "echo " + name_of(rule.kind));
    }
  }
  return cases.take();
}

std::string values() {
  Cases cases("_antigravity_proxy_values", "$1");
  for (const auto kind : fixed_kinds()) {
    cases.add(name_of(kind), kind == Kind::keys
                                 ? "_antigravity_proxy_list " + joined(words_of(kind), " ")
                                 : "_antigravity_proxy_offer < <(" + lines(words_of(kind)) + ")");
  }
  std::vector<std::string_view> dynamic;
  for (const auto& each : names_in_service()) {
    dynamic.push_back(each.name);
  }
  cases.add(joined(dynamic, " | "),
            "_antigravity_proxy_offer < <(antigravity-proxy complete \"$1\" 2> /dev/null)");
  cases.add("file",
            "compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
            "\"$cur\")");
  cases.add("user", "mapfile -t COMPREPLY < <(compgen -u -- \"$cur\")");
  cases.add("program", "mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")");
  return cases.take();
}

}  // namespace

std::string bash_completion() {
  return kHead + verbs() + options() + arguments() + values() + kTail;
}

}  // namespace agp::cli
