#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"
#include "cli/ide_patch_command.h"

#include <array>
#include <string>
#include <variant>

#include <boost/json/array.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

Finding ide_extension(Facts& facts) {
  const auto& answer = facts.extensions();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return unanswered(*failure);
  }
  std::string seen;
  bool is_troubled = false;
  for (const auto& each : std::get<json::array>(answer)) {
    const auto* file = each.if_object();
    if (file == nullptr || text_of(*file, "state") == "absent") {
      continue;
    }
    is_troubled = is_troubled || is_troubled_extension(text_of(*file, "state"));
    seen += (seen.empty() ? "" : "; ") + text_of(*file, "path") + ": " + text_of(*file, "state") +
            " (" + text_of(*file, "detail") + ")";
  }
  if (seen.empty()) {
    return not_applicable("no extension.js of the IDE in the known places");
  }
  return is_troubled ? wrong(seen, "see: antigravity-proxy ide-patch --help") : ok(seen);
}

constexpr std::array kChecks{
    Check{"ide.extension", "ide", "extension.js is of a known kind", ide_extension},
};

}  // namespace

std::span<const Check> ide_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
