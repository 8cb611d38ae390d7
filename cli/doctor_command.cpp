#include "cli/doctor_command.h"

#include "cli/document.h"
#include "helper/config.h"

#include <array>
#include <utility>
#include <variant>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::cli {
namespace {

namespace json = boost::json;

constexpr const char* kHelperConfig = "/etc/antigravity-proxy/helper.yaml";

Answer<std::vector<std::string>> configured_binaries() {
  auto settings = helper::load_settings(kHelperConfig);
  if (!settings) {
    return Failure{Exit::data, "faulty_configuration", settings.error().text(),
                   std::string("correct ") + kHelperConfig};
  }
  return std::move(settings->binaries);
}

const char* color_of(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "1;32";
    case Finding::State::failed:
      return "1;31";
    case Finding::State::unknown:
      return "1;33";
    case Finding::State::not_applicable:
      return "2";
  }
  return "";
}

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

Output examine(Facts& facts, bool as_json, bool color) {
  const Style style{color};
  json::array checks;
  std::array<std::size_t, 4> counts{};
  std::string text;
  std::string layer;
  std::string remedy;
  for (const auto& check : doctor_checks()) {
    const auto finding = check.look(facts);
    ++counts.at(static_cast<std::size_t>(finding.state));
    checks.push_back(json::object{
        {"id", check.id},
        {"layer", check.layer},
        {"about", check.about},
        {"state", to_string(finding.state)},
        {"seen", finding.seen},
        {"remedy", finding.remedy.empty() ? json::value(nullptr) : json::value(finding.remedy)}});
    if (layer != check.layer) {
      layer = check.layer;
      text += (text.empty() ? "" : "\n") + layer + "\n";
    }
    const char* word =
        finding.state == Finding::State::not_applicable ? "n/a" : to_string(finding.state);
    text += "  " + painted(style, color_of(finding.state), word) + "  " + check.id + ": " +
            printable(finding.seen) + "\n";
    // One remedy for many checks is said once.
    if (!finding.remedy.empty() && finding.remedy != remedy) {
      remedy = finding.remedy;
      text += "      Remedy: " + printable(finding.remedy) + "\n";
    }
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
  output.out = text + "\n" + grouped(doctor_checks().size()) + " checks, " + grouped(failed) +
               " failed, " + grouped(open) + " cannot be told yet\n";
  return output;
}

Output run_doctor(const Line& line, Daemon& daemon, bool color) {
  Facts facts(&daemon, configured_binaries);
  return examine(facts, line.json, color);
}

}  // namespace agp::cli
