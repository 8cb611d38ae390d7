#include "cli/manual.h"

#include "cli/grammar.h"

#include <cctype>
#include <vector>

namespace agp::cli {
namespace {

// A dash is a minus, and a line must not begin with a control character.
std::string text(std::string_view plain) {
  std::string out;
  for (const char c : plain) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += "\n.PP\n";
    } else {
      out += c;
    }
  }
  return (!out.empty() && (out[0] == '.' || out[0] == '\'')) ? "\\&" + out : out;
}

std::string bold(std::string_view plain) {
  return "\\fB" + text(plain) + "\\fR";
}

std::string italic(std::string_view plain) {
  return "\\fI" + text(plain) + "\\fR";
}

std::string sentence(std::string_view about) {
  auto out = text(about) + ".";
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out + "\n";
}

std::string entries(const std::vector<OptionRule>& options) {
  std::string out;
  for (const auto& option : options) {
    out += ".TP\n" + bold(option.name) + (option.value.empty() ? "" : " " + italic(option.value)) +
           "\n" + text(option.about) + "\n";
  }
  return out;
}

std::string entries(const std::vector<ExitRule>& exits) {
  std::string out;
  for (const auto& rule : exits) {
    out +=
        ".TP\n.B " + std::to_string(static_cast<int>(rule.code)) + "\n" + text(rule.about) + "\n";
  }
  return out;
}

std::string synopsis() {
  std::string out;
  for (const auto& verb : grammar()) {
    if (!verb.is_hidden) {
      const auto rest = synopsis_of(verb).substr(verb.name.size());
      out += (out.empty() ? "" : ".br\n") + std::string("\\fBantigravity\\-proxy ") +
             text(verb.name) + "\\fR" + text(rest) + "\n";
    }
  }
  return out;
}

// Codes that mean for this verb what they mean for all are in the one table.
std::vector<ExitRule> own_exits(const Verb& verb) {
  std::vector<ExitRule> out;
  for (const auto& rule : verb.exits) {
    bool is_common = false;
    for (const auto& common : exit_table()) {
      is_common = is_common || (common.code == rule.code && common.about == rule.about);
    }
    if (!is_common) {
      out.push_back(rule);
    }
  }
  return out;
}

std::string codes_of(const Verb& verb) {
  std::string out;
  for (const auto& rule : verb.exits) {
    out += (out.empty() ? "" : ", ") + std::to_string(static_cast<int>(rule.code));
  }
  return out;
}

std::string section_of(const Verb& verb) {
  std::string out = ".SS " + text(synopsis_of(verb)) + "\n" + sentence(verb.about);
  if (!verb.details.empty()) {
    out += ".PP\n" + text(verb.details) + "\n";
  }
  for (const auto& rule : verb.arguments) {
    out += ".TP\n" + italic(rule.name) + "\n" + text(rule.about) + "\n";
  }
  out += entries(verb.options);
  if (verb.is_filtered) {
    out += ".PP\nAlso takes the filters below.\n";
  }
  out += ".PP\nEnds with " + codes_of(verb) + ".\n" + entries(own_exits(verb));
  for (const auto& example : verb.examples) {
    out += ".PP\n.nf\n" + text(example) + "\n.fi\n";
  }
  return out;
}

std::string verbs() {
  std::string out;
  for (const auto& verb : grammar()) {
    out += verb.is_hidden ? "" : section_of(verb);
  }
  return out + ".SS Options of every verb\n" + entries(common_options()) + ".SS Filters\n" +
         entries(filter_options());
}

}  // namespace

std::string manual_with_grammar(std::string_view page) {
  std::string out;
  while (!page.empty()) {
    const auto end = page.find('\n');
    const auto line = page.substr(0, end);
    if (line == ".\\\" SYNOPSIS") {
      out += synopsis();
    } else if (line == ".\\\" VERBS") {
      out += verbs();
    } else if (line == ".\\\" EXITS") {
      out += entries(exit_table());
    } else {
      out += std::string(line) + "\n";
    }
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
  }
  return out;
}

}  // namespace agp::cli
