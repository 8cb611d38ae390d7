#include "cli/why_command.h"

#include "cli/shown.h"

#include <map>

namespace agp::cli {

Output run_why(const Line& line, Daemon& daemon, const Style& style) {
  std::map<std::string, std::string> query;
  if (const auto window = line.value("--window")) {
    query["window"] = *window;
  }
  return shown(
      daemon.why(query), line.json,
      [&](const std::string& document) { return render_why(document, style); }, kAlwaysOk);
}

}  // namespace agp::cli
