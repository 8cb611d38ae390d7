#include "cli/doctor/report_text.h"

#include "cli/document.h"

#include <cstddef>
#include <sstream>

namespace agp::cli::doctor {
namespace {

using State = Finding::State;

const char* color_of(State state) {
  switch (state) {
    case State::ok:
      return "1;32";
    case State::failed:
      return "1;31";
    case State::unknown:
      return "1;33";
    case State::not_applicable:
      return "2";
  }
  return "";
}

// Breaks at spaces; a word that is longer than a line stays whole, so that it can be copied.
std::string wrapped(const std::string& first,
                    const std::string& text,
                    std::size_t indent,
                    std::size_t width) {
  std::string out = first;
  std::size_t column = first.size();
  bool is_line_empty = true;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!is_line_empty && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      is_line_empty = true;
    }
    out += (is_line_empty ? "" : " ") + word;
    column += word.size() + (is_line_empty ? 0 : 1);
    is_line_empty = false;
  }
  return out + "\n";
}

std::string line_of(const Check& check, const Finding& finding, const Style& style) {
  const std::string word =
      finding.state == State::not_applicable ? "n/a" : to_string(finding.state);
  auto text = wrapped("  " + word + "  ", std::string(check.id) + ": " + printable(finding.seen), 6,
                      style.prose());
  return "  " + painted(style, color_of(finding.state), word) + text.substr(2 + word.size());
}

std::string remedy_of(const Finding& finding, const Style& style) {
  return wrapped("      ", "Remedy: " + printable(finding.remedy), 8, style.prose());
}

}  // namespace

std::string report_text(const Found& found, const Style& style) {
  std::string text;
  std::string failures;
  std::string layer;
  std::string remedy;
  for (const auto& [check, finding] : found) {
    if (layer != check->layer) {
      layer = check->layer;
      text += (text.empty() ? "" : "\n") + layer + "\n";
    }
    text += line_of(*check, finding, style);
    // One remedy for many checks is said once.
    if (!finding.remedy.empty() && finding.remedy != remedy) {
      remedy = finding.remedy;
      text += remedy_of(finding, style);
    }
    if (finding.state == State::failed) {
      failures += line_of(*check, finding, style) + remedy_of(finding, style);
    }
  }
  return text + (failures.empty() ? "" : "\nwhat failed\n" + failures);
}

}  // namespace agp::cli::doctor
