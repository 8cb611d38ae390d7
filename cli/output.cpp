#include "cli/output.h"

#include "cli/render.h"

namespace agp::cli {

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

Output wrong_line(const std::string& fault,
                  const std::string& verb,
                  bool json,
                  const std::string& nearest) {
  const std::string meant = nearest.empty() ? "" : "did you mean " + nearest + "? ";
  const std::string help =
      "see: antigravity-proxy " + (verb.empty() ? std::string() : verb + " ") + "--help";
  return failed({Exit::usage, "wrong_command_line", fault, meant + help}, json);
}

}  // namespace agp::cli
