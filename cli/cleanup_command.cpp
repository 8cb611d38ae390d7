#include "cli/cleanup_command.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

std::string text_of(const char* head, const std::vector<Trace>& traces) {
  std::string text = traces.empty() ? "" : std::string(head) + "\n";
  for (const auto& trace : traces) {
    text += "  " + trace.kind + std::string(7 - trace.kind.size(), ' ') + trace.name + "\n";
  }
  return text;
}

std::string text_of(const CleanupReport& report, bool only_look) {
  if (report.found.empty() && report.left.empty()) {
    return report.is_certain
               ? "Nothing of antigravity-proxy is left here but what it keeps for good.\n"
               : "";
  }
  if (only_look) {
    return text_of("Would be removed:", report.found);
  }
  return text_of("Removed:", report.removed) + text_of("Left:", report.left);
}

json::array array_of(const std::vector<Trace>& traces) {
  json::array out;
  for (const auto& trace : traces) {
    out.push_back(json::object{{"kind", trace.kind}, {"name", trace.name}});
  }
  return out;
}

std::string document_of(const CleanupReport& report, bool only_look) {
  json::array problems;
  for (const auto& problem : report.problems) {
    problems.emplace_back(problem);
  }
  return json::serialize(json::object{{"schema", "antigravity-proxy.cleanup.v1"},
                                      {"dry_run", only_look},
                                      {"found", array_of(report.found)},
                                      {"removed", array_of(report.removed)},
                                      {"left", array_of(report.left)},
                                      {"problems", std::move(problems)}}) +
         "\n";
}

}  // namespace

Output run_cleanup(const Line& line, CleanupMachine& machine) {
  const bool only_look = line.has("--dry-run");
  if (!machine.is_root()) {
    return failed({Exit::refused, "refused", "only root can stop units and remove rules",
                   "run it as root: sudo antigravity-proxy cleanup"},
                  line.json);
  }
  const auto report = clean_up(machine, only_look);
  Output output;
  output.exit = report.left.empty() && report.is_certain ? Exit::ok : Exit::failed;
  if (line.json) {
    output.out = document_of(report, only_look);
    return output;
  }
  output.out = text_of(report, only_look);
  for (const auto& problem : report.problems) {
    output.err += "antigravity-proxy: " + problem + "\n";
  }
  if (output.exit != Exit::ok) {
    output.err +=
        "Run it again. What stays then can be removed by hand (systemctl stop, iptables and "
        "ip6tables, nft, rm), or by a reboot with the service disabled.\n";
  }
  return output;
}

}  // namespace agp::cli
