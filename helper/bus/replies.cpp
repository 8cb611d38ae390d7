#include "helper/bus/replies.h"

#include "helper/core/errc.h"
#include "helper/core/public_text.h"

#include <cstdint>

namespace agp::helper {

bus::Errc bus_code(const Error& error) {
  if (error.code.category() == bus::bus_category()) {
    return static_cast<bus::Errc>(error.code.value());
  }
  if (error.code.category() != core::helper_category()) {
    return bus::Errc::failed;
  }
  switch (static_cast<core::Errc>(error.code.value())) {
    case core::Errc::invalid_argument:
      return bus::Errc::invalid_args;
    case core::Errc::configuration:
      return bus::Errc::configuration;
    case core::Errc::accounts:
      return bus::Errc::accounts;
    case core::Errc::firewall_missing:
      return bus::Errc::firewall_missing;
    case core::Errc::firewall:
      return bus::Errc::firewall;
    case core::Errc::certificate:
      return bus::Errc::certificate;
    case core::Errc::file:
      return bus::Errc::file;
    case core::Errc::not_protected:
      return bus::Errc::not_protected;
    case core::Errc::no_binary:
      return bus::Errc::no_binary;
    case core::Errc::unit:
    case core::Errc::service_manager:
      return bus::Errc::unit;
    case core::Errc::limits:
      return bus::Errc::limits_exceeded;
  }
  return bus::Errc::failed;
}

std::string told(const Error& error) {
  return error.code.category() == bus::bus_category() ? error.text() : core::public_text(error);
}

Dictionary to_dictionary(const core::StatusReport& report) {
  std::vector<sdbus::Struct<std::string, std::string, std::string>> servers;
  for (const auto& server : report.language_servers) {
    servers.emplace_back(server.id, server.unit, server.active_state);
  }
  std::vector<sdbus::Struct<std::uint32_t, std::string, bool, std::string>> binaries;
  for (const auto& binary : report.binaries) {
    binaries.emplace_back(binary.index, binary.path, binary.usable, bus::printable(binary.reason));
  }
  std::vector<std::string> problems;
  for (const auto& problem : report.problems) {
    problems.push_back(bus::printable(problem));
  }
  Dictionary status;
  status.emplace("version", sdbus::Variant(std::string(AGP_VERSION)));
  status.emplace("redirect_ipv4", sdbus::Variant(report.redirect_ipv4));
  status.emplace("redirect_ipv6", sdbus::Variant(report.redirect_ipv6));
  status.emplace("firewall_backend", sdbus::Variant(report.firewall_backend));
  status.emplace("firewall_reason", sdbus::Variant(bus::printable(report.firewall_reason)));
  status.emplace("bundle_path", sdbus::Variant(report.bundle_path));
  status.emplace("bundle_sha256", sdbus::Variant(report.bundle_sha256));
  status.emplace("bundle_not_after", sdbus::Variant(report.bundle_not_after));
  status.emplace("language_servers", sdbus::Variant(servers));
  status.emplace("binaries", sdbus::Variant(binaries));
  status.emplace("ports", sdbus::Variant(sdbus::Struct<std::uint16_t, std::uint16_t>(
                              report.ports.first, report.ports.last)));
  std::vector<sdbus::Struct<std::uint32_t, std::string>> scopes;
  for (const auto& scope : report.captured_scopes) {
    scopes.emplace_back(scope.user, scope.cgroup);
  }
  status.emplace("captured_scopes", sdbus::Variant(scopes));
  status.emplace("egress", sdbus::Variant(report.egress));
  status.emplace("egress_guard", sdbus::Variant(report.egress_guard));
  status.emplace("repairs", sdbus::Variant(report.repairs));
  status.emplace("last_repair", sdbus::Variant(report.last_repair));
  status.emplace("last_lost", sdbus::Variant(report.last_lost));
  status.emplace("watching", sdbus::Variant(report.watching));
  const auto& enforced = report.limits_enforced;
  status.emplace("limits", sdbus::Variant(std::string(!enforced   ? "unknown"
                                                      : *enforced ? "enforced"
                                                                  : "not_enforced")));
  status.emplace("problems", sdbus::Variant(problems));
  return status;
}

ExtensionRows to_rows(const std::vector<core::ExtensionReport>& files) {
  ExtensionRows rows;
  for (const auto& file : files) {
    rows.emplace_back(bus::printable(file.path), core::to_string(file.state),
                      bus::printable(file.detail), file.sha256, file.backup_sha256);
  }
  return rows;
}

}  // namespace agp::helper
