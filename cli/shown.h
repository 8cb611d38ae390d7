#pragma once

#include "cli/output.h"

#include <string>
#include <variant>

namespace agp::cli {

inline const std::string& words_of(const std::string& text) {
  return text;
}
template <class Text>
const std::string& words_of(const Text& rendered) {
  return rendered.text;
}

/// For texts that nothing is wrong with.
inline constexpr auto kAlwaysOk = [](const auto&) {
  return Exit::ok;
};

/// An answer of the daemon for people, or with --json as it is. Where there is none, or it is not
/// understood, the command ends with that, in both forms.
/// @param render   Answer<Text>(const std::string& document); Text is one, or has a member `text`.
/// @param exit_of  Exit(const Text&).
template <class Render, class ExitOf>
[[nodiscard]] Output shown(const Answer<std::string>& answer,
                           bool json,
                           const Render& render,
                           const ExitOf& exit_of) {
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, json);
  }
  const auto& document = std::get<std::string>(answer);
  const auto rendered = render(document);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, json);
  }
  const auto& text = std::get<0>(rendered);
  Output output;
  output.exit = exit_of(text);
  output.out = json ? document : words_of(text);
  return output;
}

}  // namespace agp::cli
