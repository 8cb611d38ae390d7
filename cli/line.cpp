#include "cli/line.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace agp::cli {
namespace {

const OptionRule* find_option(const std::vector<OptionRule>& options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(), [&](const OptionRule& option) {
    return option.name == name || (!option.old_name.empty() && option.old_name == name);
  });
  return found == options.end() ? nullptr : &*found;
}

std::vector<std::string_view> first_words() {
  std::vector<std::string_view> out;
  for (const auto& group : verb_groups()) {
    out.push_back(group.name);
  }
  for (const auto& verb : grammar()) {
    if (!verb.is_hidden && second_word(verb).empty()) {
      out.push_back(verb.name);
    }
  }
  return out;
}

std::vector<std::string_view> second_words(std::string_view group) {
  std::vector<std::string_view> out;
  for (const auto& verb : grammar()) {
    if (is_in_group(verb, group)) {
      out.push_back(second_word(verb));
    }
  }
  return out;
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  Line run() {
    bool is_plain = false;
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const auto& word = words_[at_];
      if (!is_plain && word == "--") {
        is_plain = true;
      } else if (is_plain || word == "-" || !word.starts_with('-')) {
        take_word(word);
      } else {
        take_option(word);
      }
      if (is_at_program(is_plain)) {
        line_.arguments.insert(line_.arguments.end(),
                               words_.begin() + static_cast<std::ptrdiff_t>(at_ + 1), words_.end());
        break;
      }
    }
    if (!line_.help) {
      check();
    }
    return std::move(line_);
  }

 private:
  // The first fault is the one that is told; what follows it may be a consequence.
  void fault(std::string text, std::string nearest = "") {
    if (!line_.fault) {
      line_.fault = std::move(text);
      line_.nearest = std::move(nearest);
    }
  }

  bool is_at_program(bool is_plain) const {
    return line_.verb != nullptr && !line_.verb->arguments.empty() &&
           line_.verb->arguments[0].occurs == Occurs::program &&
           (is_plain || !line_.arguments.empty());
  }

  void take_word(const std::string& word) {
    if (line_.verb != nullptr) {
      line_.arguments.push_back(word);
    } else if (line_.named.empty()) {
      take_verb(word, word, first_words());
    } else if (find_group(line_.named) != nullptr) {
      take_verb(line_.named + " " + word, word, second_words(line_.named));
    }
  }

  void take_verb(const std::string& name,
                 const std::string& word,
                 const std::vector<std::string_view>& known) {
    line_.verb = find_verb(name);
    if (line_.verb == nullptr && find_group(name) == nullptr) {
      fault("unknown verb " + name, nearest_of(word, known));
    }
    line_.named = name;
    for (const auto& [option, value] : std::exchange(early_, {})) {
      take_known(option, value);
    }
  }

  // Every option that may stand here; before the second word those of the whole group.
  std::vector<OptionRule> options_here() const {
    if (line_.verb != nullptr) {
      return options_of(*line_.verb);
    }
    std::vector<OptionRule> out = common_options();
    for (const auto& verb : grammar()) {
      if (is_in_group(verb, line_.named)) {
        out.insert(out.end(), verb.options.begin(), verb.options.end());
      }
    }
    return out;
  }

  void take_option(const std::string& word) {
    if (word == "-h" || word == "--help") {
      line_.help = true;
      return;
    }
    if (word == "--json") {
      line_.json = true;
      return;
    }
    if (word == "--version" && line_.named.empty()) {
      take_word("version");
      return;
    }
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto options = options_here();
    const auto* option = find_option(options, name);
    if (option == nullptr) {
      std::vector<std::string_view> known;
      for (const auto& each : options) {
        known.push_back(each.name);
      }
      fault("unknown option " + name, nearest_of(name, known));
      return;
    }
    std::optional<std::string> value;
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    }
    if (!option->value.empty() && !value) {
      if (at_ + 1 == words_.size()) {
        fault("option " + name + " needs a value");
        return;
      }
      value = words_[++at_];
    }
    if (option->value.empty() && value) {
      fault("option " + name + " takes no value");
    } else if (line_.verb == nullptr) {
      early_.emplace_back(option->name, value);
    } else {
      take_known(std::string(option->name), value);
    }
  }

  void take_known(const std::string& name, const std::optional<std::string>& value) {
    const auto* option =
        line_.verb == nullptr ? nullptr : find_option(options_of(*line_.verb), name);
    if (line_.verb != nullptr && option == nullptr) {
      fault("unknown option " + name);
      return;
    }
    const bool is_new =
        value ? line_.values.emplace(name, *value).second : line_.flags.insert(name).second;
    if (!is_new) {
      fault("option " + name + " is given twice");
    }
  }

  void check() {
    if (line_.named.empty()) {
      fault("no verb given");
    } else if (line_.verb == nullptr) {
      std::string list;
      for (const auto& word : second_words(line_.named)) {
        list += (list.empty() ? "" : ", ") + std::string(word);
      }
      fault(line_.named + " needs one of " + list);
    } else {
      check_arguments();
    }
  }

  void check_arguments() {
    std::size_t used = 0;
    bool is_left_out = false;
    for (const auto& rule : line_.verb->arguments) {
      const bool is_there = used < line_.arguments.size();
      if (rule.occurs == Occurs::many || rule.occurs == Occurs::program) {
        used = line_.arguments.size();
      } else if (is_there) {
        check_choice(rule, line_.arguments[used++]);
      }
      is_left_out = is_left_out || (rule.occurs == Occurs::maybe && !is_there);
      const bool is_needed = rule.occurs != Occurs::maybe && !is_left_out;
      if (is_needed && !is_there) {
        fault(std::string(line_.verb->name) + " needs " + std::string(rule.name));
      }
    }
    if (used < line_.arguments.size()) {
      fault("unexpected argument " + line_.arguments[used]);
    }
  }

  void check_choice(const ArgumentRule& rule, const std::string& word) {
    const auto& words = words_of(rule.kind);
    if (rule.kind == Kind::period && std::find(words.begin(), words.end(), word) == words.end()) {
      fault("unknown " + std::string(rule.name) + " " + word, nearest_of(word, words));
    }
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Line line_;
  // Options between the two words of a verb, which may turn out not to be its own.
  std::vector<std::pair<std::string, std::optional<std::string>>> early_;
};

// Letters to insert, remove, replace or swap until one word is the other.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> cost(from.size() + 1,
                                             std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) {
    for (std::size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (from[i - 1] == to[j - 1] ? 0U : 1U);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[from.size()][to.size()];
}

}  // namespace

std::optional<std::string> Line::value(std::string_view option) const {
  const auto found = values.find(option);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

Line parse_line(const std::vector<std::string>& words) {
  return Parser(words).run();
}

std::string nearest_of(std::string_view word, const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongest = 32;  // of words worth comparing
  constexpr std::size_t kDashes = 2;
  std::string best;
  // A third of the letters may be wrong; the dashes of an option are not letters.
  const auto letters = word.starts_with("--") ? word.size() - kDashes : word.size();
  std::size_t least = letters / 3 + 2;
  if (word.size() > kLongest || letters < 2) {
    return best;
  }
  for (const auto& each : known) {
    const auto far = distance(word, each);
    if (far < least) {
      least = far;
      best = each;
    }
  }
  return best;
}

}  // namespace agp::cli
