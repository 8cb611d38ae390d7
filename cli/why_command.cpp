#include "cli/why_command.h"

#include <map>
#include <utility>
#include <variant>

namespace agp::cli {

Output run_why(const Line& line, Daemon& daemon, const Style& style) {
  std::map<std::string, std::string> query;
  if (const auto window = line.value("--window")) {
    query["window"] = *window;
  }
  const auto answer = daemon.why(query);
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return failed(*failure, line.json);
  }
  const auto& document = std::get<std::string>(answer);
  auto rendered = render_why(document, style);
  if (const auto* failure = std::get_if<Failure>(&rendered)) {
    return failed(*failure, line.json);
  }
  Output output;
  output.out = line.json ? document : std::get<std::string>(std::move(rendered));
  return output;
}

}  // namespace agp::cli
