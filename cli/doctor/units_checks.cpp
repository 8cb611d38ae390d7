#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

namespace agp::cli::doctor {
namespace {

constexpr const char* kStart = "systemctl start antigravity-proxy";
constexpr const char* kReinstall = "install antigravity-proxy again";
constexpr mode_t kOthersMayWrite = 022;
constexpr mode_t kExecutable = 0111;

// Why systemd cannot even try; empty: it can.
std::string load_trouble(const Unit& unit) {
  if (unit.load_state == "loaded" || unit.load_state.empty()) {
    return {};
  }
  if (unit.load_state == "masked") {
    return unit.name + " is masked";
  }
  if (unit.load_state == "not-found") {
    return unit.name + " is not installed";
  }
  return unit.name + " cannot be loaded (" + unit.load_state + "): " + unit.load_error;
}

std::string load_remedy(const Unit& unit) {
  if (unit.load_state == "masked") {
    return "systemctl unmask " + unit.name + "; then: " + kStart;
  }
  if (unit.load_state == "not-found") {
    return kReinstall;
  }
  return "correct its drop-in: systemctl cat " + unit.name + "; then: systemctl daemon-reload; " +
         kStart;
}

// What keeps it from starting may be known from the files.
std::string start_remedy(Facts& facts, const Unit& unit) {
  if (!facts.configuration().faults.empty()) {
    return "its configuration is faulty, see config.service";
  }
  return "see: journalctl -u " + unit.name + "; then: " + kStart;
}

Finding units_service(Facts& facts) {
  if (const auto* failure = std::get_if<Failure>(&facts.units())) {
    return wrong(failure->message, failure->hint);
  }
  const auto* unit = facts.unit(kServiceUnit);
  if (unit == nullptr) {
    return unknown("the service manager does not know the service", kReinstall);
  }
  if (const auto trouble = load_trouble(*unit); !trouble.empty()) {
    return wrong(trouble, load_remedy(*unit));
  }
  const auto seen =
      unit->name + " is " + unit->active_state +
      (unit->result == "success" ? "" : " (" + unit->result + ")") +
      (unit->restarts == 0 ? ""
                           : ", started again " + grouped(unit->restarts) + " times by itself");
  if (unit->active_state == "active" || unit->active_state == "reloading") {
    return ok(seen);
  }
  return wrong(seen, unit->active_state == "inactive" && unit->result == "success"
                         ? std::string(kStart)
                         : start_remedy(facts, *unit));
}

bool is_service_active(Facts& facts) {
  const auto* service = facts.unit(kServiceUnit);
  return service != nullptr && service->active_state == "active";
}

Finding units_sockets(Facts& facts) {
  const auto* units = std::get_if<std::vector<Unit>>(&facts.units());
  if (units == nullptr) {
    return unknown("the service manager does not answer", "see units.service");
  }
  std::string seen;
  std::string remedy;
  for (const auto& unit : *units) {
    if (!unit.name.ends_with(".socket")) {
      continue;
    }
    if (const auto trouble = load_trouble(unit); !trouble.empty()) {
      add_to(seen, trouble);
      add_to(remedy, load_remedy(unit));
    } else if (unit.active_state == "failed") {
      add_to(seen, unit.name + " failed (" + unit.result + ")");
      add_to(remedy, "see units.ports, and: journalctl -u " + unit.name);
    } else if (unit.active_state == "inactive" && is_service_active(facts)) {
      add_to(seen, unit.name + " is stopped while the service runs");
      add_to(remedy, "systemctl restart antigravity-proxy");
    }
  }
  if (!seen.empty()) {
    return wrong(seen, remedy);
  }
  return is_service_active(facts)
             ? ok("all sockets are open")
             : unknown("they are open while the service runs", "see units.service");
}

Finding units_ports(Facts& facts) {
  if (std::holds_alternative<Failure>(facts.units())) {
    // The listeners may be the service's own sockets.
    return unknown("the service manager does not answer", "see units.service");
  }
  const auto is_open = [&](const char* name) {
    const auto* unit = facts.unit(name);
    return unit != nullptr && unit->active_state == "active";
  };
  if (is_open("antigravity-proxy-api.socket") && is_open("antigravity-proxy-intercept.socket")) {
    return ok("8741 and 8742 are the service's");
  }
  std::string seen;
  for (const auto& listener : facts.listeners()) {
    add_to(seen, listener.address + " is taken by " +
                     (listener.program.empty() ? "a program" : listener.program) + " of uid " +
                     std::to_string(listener.uid));
  }
  return seen.empty() ? ok("nobody has 8741 or 8742")
                      : wrong(seen,
                              "stop that program or give it another port (ss -ltnp shows it to "
                              "root); then: systemctl start antigravity-proxy");
}

Finding units_helper(Facts& facts) {
  if (const auto* bus = std::get_if<SystemBus>(&facts.system_bus());
      bus != nullptr && !bus->starts_helper) {
    return wrong(
        "the bus cannot start the helper: "
        "/usr/share/dbus-1/system-services/org.antigravityproxy.Helper1.service is missing "
        "or not read",
        "install antigravity-proxy again; then: systemctl reload dbus");
  }
  const auto* unit = facts.unit(kHelperUnit);
  if (unit == nullptr) {
    return unknown("the service manager does not answer", "see units.service");
  }
  if (const auto trouble = load_trouble(*unit); !trouble.empty()) {
    return wrong(trouble, load_remedy(*unit));
  }
  if (unit->active_state == "failed" || unit->active_state == "activating") {
    return wrong(unit->name + " is " + unit->active_state + " (" + unit->result + ")",
                 "see units.programs, and: journalctl -u " + unit->name);
  }
  return ok(unit->active_state == "active" ? "runs" : "is started when it is needed");
}

Finding units_programs(Facts& facts) {
  std::string seen;
  for (const auto& program : facts.machine().programs) {
    if (!program.is_there) {
      add_to(seen, program.path + " is missing");
    } else if ((program.mode & kExecutable) != kExecutable) {
      add_to(seen, program.path + " is not executable");
    } else if (program.owner != 0 || (program.mode & kOthersMayWrite) != 0) {
      add_to(seen, program.path + " can be changed by others than root");
    }
  }
  return seen.empty() ? ok("are installed, and only root can change them")
                      : wrong(seen,
                              "install antigravity-proxy again: apt install --reinstall "
                              "antigravity-proxy");
}

Finding units_reload(Facts& facts) {
  const auto* units = std::get_if<std::vector<Unit>>(&facts.units());
  if (units == nullptr) {
    return unknown("the service manager does not answer", "see units.service");
  }
  std::string seen;
  for (const auto& unit : *units) {
    // Of one that could not be loaded it is said for ever.
    if (unit.needs_reload && unit.load_state == "loaded") {
      add_to(seen, "files of " + unit.name + " changed since systemd read them");
    }
  }
  return seen.empty() ? ok("systemd has read the units as they are")
                      : wrong(seen, "systemctl daemon-reload; systemctl restart antigravity-proxy");
}

constexpr std::array kChecks{
    Check{"units.service", "units", "the service is active", units_service},
    Check{"units.sockets", "units", "its sockets are open", units_sockets},
    Check{"units.ports", "units", "no other program has its ports", units_ports},
    Check{"units.helper", "units", "the helper can be started", units_helper},
    Check{"units.programs", "units", "the programs are installed", units_programs},
    Check{"units.reload", "units", "systemd knows the units as they are", units_reload},
};

}  // namespace

std::span<const Check> units_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
