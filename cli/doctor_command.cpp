#include "cli/doctor_command.h"

#include "cli/doctor/report_text.h"
#include "cli/doctor/system_sources.h"
#include "cli/document.h"

#include <array>
#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

// A service that does not run is told apart from one that has something wrong.
Exit exit_of(Facts& facts, std::size_t failed) {
  if (const auto* failure = std::get_if<Failure>(&facts.status());
      failure != nullptr &&
      (failure->exit == Exit::not_active || failure->exit == Exit::unavailable)) {
    return failure->exit;
  }
  return failed == 0 ? Exit::ok : Exit::failed;
}

}  // namespace

Output examine(Facts& facts, bool as_json, const Style& style) {
  json::array checks;
  std::array<std::size_t, 4> counts{};
  doctor::Found found;
  for (const auto& check : doctor_checks()) {
    const auto& finding = found.emplace_back(&check, check.look(facts)).second;
    ++counts.at(static_cast<std::size_t>(finding.state));
    checks.push_back(json::object{
        {"id", check.id},
        {"layer", check.layer},
        {"about", check.about},
        {"state", to_string(finding.state)},
        {"seen", finding.seen},
        {"remedy", finding.remedy.empty() ? json::value(nullptr) : json::value(finding.remedy)}});
  }
  const auto failed = counts[static_cast<std::size_t>(Finding::State::failed)];
  const auto open = counts[static_cast<std::size_t>(Finding::State::unknown)];
  Output output;
  output.exit = exit_of(facts, failed);
  if (as_json) {
    output.out = json::serialize(json::object{{"schema", "antigravity-proxy.doctor.v1"},
                                              {"state", failed == 0 ? "ok" : "failed"},
                                              {"failed", failed},
                                              {"unknown", open},
                                              {"checks", std::move(checks)}}) +
                 "\n";
    return output;
  }
  output.out = doctor::report_text(found, style) + "\n" + grouped(doctor_checks().size()) +
               " checks, " + grouped(failed) + " failed, " + grouped(open) +
               " cannot be told yet\n";
  return output;
}

Output run_doctor(const Line& line, Daemon& daemon, const Style& style) {
  doctor::SystemSources sources;
  Facts facts(&daemon, &sources);
  return examine(facts, line.json, style);
}

}  // namespace agp::cli
