#include "cli/cleanup_command.h"

#include "cli/options.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kHelp =
    R"(Usage: antigravity-proxy cleanup [--dry-run] [--json]

Stops the service, its language servers and the helper, and removes every trace of them:
firewall rules in both variants of iptables and in nftables, and all files in /run. It works
whatever is left of the installation, without daemon, helper and D-Bus, and may run again.

The configuration, the ledger and the certificate authority (/var/lib/antigravity-proxy) stay;
purging the package removes them. A change by ide-patch stays too: see ide-patch revert.

Options:
  --dry-run  says what there is, and changes nothing

Only for root. Exit codes: 0 nothing is left, 1 something is, or cannot be told, 64 and 77 as for every verb.
)";

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

Output run_cleanup(const std::vector<std::string>& words, CleanupMachine& machine) {
  // The only option of the command that takes no value.
  auto others = words;
  const auto end = std::remove(others.begin(), others.end(), "--dry-run");
  const bool only_look = end != others.end();
  others.erase(end, others.end());
  const auto options = parse_options(others, {});
  if (options.help) {
    Output output;
    output.out = kHelp;
    return output;
  }
  if (options.fault) {
    return wrong_line(*options.fault, "cleanup", options.json);
  }
  if (options.plain.size() > 1) {
    return wrong_line("unexpected argument " + options.plain[1], "cleanup", options.json);
  }
  if (!machine.is_root()) {
    return failed({Exit::refused, "refused", "only root can stop units and remove rules",
                   "run it as root: sudo antigravity-proxy cleanup"},
                  options.json);
  }
  const auto report = clean_up(machine, only_look);
  Output output;
  output.exit = report.left.empty() && report.is_certain ? Exit::ok : Exit::failed;
  if (options.json) {
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
