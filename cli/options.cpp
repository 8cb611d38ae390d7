#include "cli/options.h"

#include "cli/render.h"

#include <utility>

namespace agp::cli {

Options parse_options(const std::vector<std::string>& words,
                      const std::set<std::string>& known,
                      const std::set<std::string>& flags) {
  Options out;
  bool is_plain = false;
  for (const auto& word : words) {  // before anything else: faults are JSON too
    is_plain = is_plain || word == "--";
    out.json = out.json || (!is_plain && word == "--json");
    out.help = out.help || (!is_plain && (word == "--help" || word == "-h"));
  }
  is_plain = false;
  for (std::size_t i = 0; i < words.size() && !out.fault; ++i) {
    const auto& word = words[i];
    if (is_plain || word == "-" || !word.starts_with('-')) {
      out.plain.push_back(word);
      continue;
    }
    if (word == "--") {
      is_plain = true;
      continue;
    }
    if (word == "--json" || word == "--help" || word == "-h") {
      continue;
    }
    if (flags.count(word) != 0) {
      if (!out.flags.insert(word).second) {
        out.fault = "option " + word + " is given twice";
      }
      continue;
    }
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    if (known.count(name) == 0) {
      out.fault = "unknown option " + name;
    } else if (equals == std::string::npos && i + 1 == words.size()) {
      out.fault = "option " + name + " needs a value";
    } else {
      auto value = equals == std::string::npos ? words[++i] : word.substr(equals + 1);
      if (!out.values.emplace(name, std::move(value)).second) {
        out.fault = "option " + name + " is given twice";
      }
    }
  }
  return out;
}

Output failed(const Failure& failure, bool json) {
  Output output;
  output.exit = failure.exit;
  if (json) {
    output.out = failure_document(failure);
    return output;
  }
  output.err = "antigravity-proxy: " + failure.message + "\n";
  if (!failure.hint.empty()) {
    output.err += failure.hint + "\n";
  }
  return output;
}

Output wrong_line(const std::string& fault, const std::string& verb, bool json) {
  const std::string help =
      "see: antigravity-proxy " + (verb.empty() ? std::string() : verb + " ") + "--help";
  return failed({Exit::usage, "wrong_command_line", fault, help}, json);
}

}  // namespace agp::cli
