#include "cli/doctor/bus_source.h"

#include "cli/bus_call.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <systemd/sd-bus.h>

namespace agp::cli::doctor {
namespace {

constexpr std::uint64_t kPatience = 5'000'000;         // microseconds
constexpr std::uint64_t kHelperPatience = 10'000'000;  // its calls of iptables come one at a time

constexpr const char* kDriver = "org.freedesktop.DBus";
constexpr const char* kHelperName = "org.antigravityproxy.Helper1";
constexpr const char* kHelperPath = "/org/antigravityproxy/Helper1";
constexpr const char* kManager = "org.freedesktop.systemd1";

constexpr const char* kUnits[] = {kServiceUnit,
                                  kHelperUnit,
                                  "antigravity-proxy-api.socket",
                                  "antigravity-proxy-intercept.socket",
                                  "antigravity-proxy-finder.socket",
                                  "antigravity-proxy-diagnosis.socket",
                                  "antigravity-proxy-finder.service"};

/// A connection, and the number that explains why there is none.
struct Opened {
  Bus bus;
  int error = 0;
};

Opened open_bus(std::uint64_t patience = kPatience) {
  sd_bus* raw = nullptr;
  const int result = sd_bus_open_system(&raw);
  Opened out{Bus(raw), result < 0 ? result : 0};
  if (out.error == 0) {
    (void)sd_bus_set_method_call_timeout(raw, patience);  // cannot fail for a bus that is open
  }
  return out;
}

std::vector<std::string> strings_of(sd_bus_message* message) {
  std::vector<std::string> out;
  if (sd_bus_message_enter_container(message, 'a', "s") < 0) {
    return out;
  }
  const char* text = nullptr;
  while (sd_bus_message_read(message, "s", &text) > 0) {
    out.emplace_back(text);
  }
  (void)sd_bus_message_exit_container(message);  // the next read fails where this one did
  return out;
}

bool is_activatable(sd_bus* bus, std::string_view wanted) {
  BusError error;
  sd_bus_message* raw = nullptr;
  const int result = sd_bus_call_method(bus, kDriver, "/org/freedesktop/DBus", kDriver,
                                        "ListActivatableNames", &error.error, &raw, nullptr);
  const Message reply(raw);
  if (result < 0) {
    return false;
  }
  for (const auto& name : strings_of(raw)) {
    if (name == wanted) {
      return true;
    }
  }
  return false;
}

// Asks polkit for all its actions, as anybody may.
void ask_polkit(sd_bus* bus, SystemBus& out) {
  BusError error;
  sd_bus_message* raw = nullptr;
  int result = sd_bus_call_method(
      bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
      "org.freedesktop.PolicyKit1.Authority", "EnumerateActions", &error.error, &raw, "s", "");
  const Message reply(raw);
  if (result < 0) {
    out.polkit_problem = error.text(result);
    return;
  }
  if (sd_bus_message_enter_container(raw, 'a', "(ssssssuuua{ss})") < 0) {
    out.polkit_problem = "its answer is not understood";
    return;
  }
  while (sd_bus_message_enter_container(raw, 'r', "ssssssuuua{ss}") > 0) {
    const char* action = nullptr;
    if (sd_bus_message_read(raw, "s", &action) < 0 ||
        sd_bus_message_skip(raw, "sssssuuua{ss}") < 0 || sd_bus_message_exit_container(raw) < 0) {
      return;
    }
    out.has_our_actions =
        out.has_our_actions || std::string_view(action).starts_with("org.antigravityproxy.");
  }
}

std::string text_property(sd_bus* bus, const char* path, const char* interface, const char* name) {
  BusError error;
  char* text = nullptr;
  if (sd_bus_get_property_string(bus, kManager, path, interface, name, &error.error, &text) < 0) {
    return {};
  }
  std::string out = text;
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): sd-bus allocates with malloc
  return out;
}

std::string load_error(sd_bus* bus, const char* path) {
  BusError error;
  sd_bus_message* raw = nullptr;
  const int result = sd_bus_get_property(bus, kManager, path, "org.freedesktop.systemd1.Unit",
                                         "LoadError", &error.error, &raw, "(ss)");
  const Message reply(raw);
  const char* name = nullptr;
  const char* text = nullptr;
  return result >= 0 && sd_bus_message_read(raw, "(ss)", &name, &text) > 0 ? text : "";
}

Answer<Unit> ask_unit(sd_bus* bus, const char* name) {
  constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
  BusError error;
  sd_bus_message* raw = nullptr;
  const int result = sd_bus_call_method(bus, kManager, "/org/freedesktop/systemd1",
                                        "org.freedesktop.systemd1.Manager", "LoadUnit",
                                        &error.error, &raw, "s", name);
  const Message reply(raw);
  const char* path = nullptr;
  if (result < 0 || sd_bus_message_read(raw, "o", &path) < 0) {
    return Failure{
        Exit::unavailable, "no_manager",
        "the service manager does not answer: " + error.text(result < 0 ? result : -EBADMSG),
        "check that systemd runs this machine: systemctl is-system-running"};
  }
  Unit out;
  out.name = name;
  out.load_state = text_property(bus, path, kUnit, "LoadState");
  out.load_error = load_error(bus, path);
  out.active_state = text_property(bus, path, kUnit, "ActiveState");
  const bool is_socket = out.name.ends_with(".socket");
  const char* kind =
      is_socket ? "org.freedesktop.systemd1.Socket" : "org.freedesktop.systemd1.Service";
  out.result = text_property(bus, path, kind, "Result");
  BusError reload_error;
  int needs_reload = 0;
  if (sd_bus_get_property_trivial(bus, kManager, path, kUnit, "NeedDaemonReload",
                                  &reload_error.error, 'b', &needs_reload) >= 0) {
    out.needs_reload = needs_reload != 0;
  }
  BusError restarts_error;
  if (!is_socket) {
    // Stays 0 where the manager does not count them.
    (void)sd_bus_get_property_trivial(bus, kManager, path, kind, "NRestarts", &restarts_error.error,
                                      'u', &out.restarts);
  }
  return out;
}

// Reads the value of one key; what is of another type than documented stays as it was.
void read_value(sd_bus_message* message, std::string_view key, Helper& out) {
  const auto text = [&](std::string& into) {
    const char* value = nullptr;
    if (sd_bus_message_read(message, "v", "s", &value) > 0) {
      into = value;
    }
  };
  const auto list = [&](std::vector<std::string>& into) {
    if (sd_bus_message_enter_container(message, 'v', "as") > 0) {
      into = strings_of(message);
      (void)sd_bus_message_exit_container(message);
    }
  };
  if (key == "redirect_ipv4") {
    text(out.redirect_ipv4);
  } else if (key == "redirect_ipv6") {
    text(out.redirect_ipv6);
  } else if (key == "firewall_backend") {
    text(out.firewall_backend);
  } else if (key == "firewall_reason") {
    text(out.firewall_reason);
  } else if (key == "egress") {
    text(out.egress);
  } else if (key == "egress_guard") {
    text(out.egress_guard);
  } else if (key == "repairs") {
    (void)sd_bus_message_read(message, "v", "t", &out.repairs);
  } else if (key == "last_repair") {
    (void)sd_bus_message_read(message, "v", "x", &out.last_repair);
  } else if (key == "last_lost") {
    list(out.last_lost);
  } else if (key == "problems") {
    list(out.problems);
  } else if (key == "binaries" && sd_bus_message_enter_container(message, 'v', "a(usbs)") > 0 &&
             sd_bus_message_enter_container(message, 'a', "(usbs)") > 0) {
    std::uint32_t index = 0;
    const char* path = nullptr;
    int is_usable = 0;
    const char* reason = nullptr;
    while (sd_bus_message_read(message, "(usbs)", &index, &path, &is_usable, &reason) > 0) {
      out.binaries.push_back({path, is_usable != 0, reason});
    }
    (void)sd_bus_message_exit_container(message);
    (void)sd_bus_message_exit_container(message);
  } else {
    (void)sd_bus_message_skip(message, "v");
  }
}

Failure helper_refused(const BusError& error, int result) {
  if (error.is_denied()) {
    return {Exit::refused, "refused", "the helper tells its state to administrators alone",
            kRunAsRoot};
  }
  if (error.name() == SD_BUS_ERROR_NO_REPLY || error.name() == SD_BUS_ERROR_TIMEOUT ||
      result == -ETIMEDOUT) {
    return {Exit::unavailable, "no_reply",
            "the helper is on the bus but does not answer: it hangs, or was stopped by a signal",
            "systemctl restart antigravity-proxy-helper; see: journalctl -u "
            "antigravity-proxy-helper"};
  }
  return helper_failure(error, result);
}

}  // namespace

Answer<SystemBus> ask_system_bus() {
  const auto opened = open_bus();
  if (opened.error != 0) {
    return no_bus(opened.error);
  }
  SystemBus out;
  out.starts_helper = is_activatable(opened.bus.get(), kHelperName);
  ask_polkit(opened.bus.get(), out);
  return out;
}

Answer<std::vector<Unit>> ask_units() {
  const auto opened = open_bus();
  if (opened.error != 0) {
    return no_bus(opened.error);
  }
  std::vector<Unit> out;
  for (const char* name : kUnits) {
    auto unit = ask_unit(opened.bus.get(), name);
    if (auto* failure = std::get_if<Failure>(&unit)) {
      return std::move(*failure);
    }
    out.push_back(std::move(std::get<Unit>(unit)));
  }
  return out;
}

Answer<Helper> ask_helper() {
  const auto opened = open_bus(kHelperPatience);
  if (opened.error != 0) {
    return no_bus(opened.error);
  }
  BusError error;
  sd_bus_message* raw = nullptr;
  const int result = sd_bus_call_method(opened.bus.get(), kHelperName, kHelperPath, kHelperName,
                                        "Status", &error.error, &raw, nullptr);
  const Message reply(raw);
  if (result < 0) {
    return helper_refused(error, result);
  }
  Helper out;
  if (sd_bus_message_enter_container(raw, 'a', "{sv}") < 0) {
    return Failure{Exit::data, "unreadable", "the answer of the helper is not understood",
                   "command and helper are of different versions: systemctl stop "
                   "antigravity-proxy-helper"};
  }
  while (sd_bus_message_enter_container(raw, 'e', "sv") > 0) {
    const char* key = nullptr;
    if (sd_bus_message_read(raw, "s", &key) < 0) {
      break;
    }
    read_value(raw, key, out);
    if (sd_bus_message_exit_container(raw) < 0) {
      break;
    }
  }
  return out;
}

bool is_service_hung_on_bus() {
  const auto opened = open_bus();
  if (opened.error != 0) {
    return false;
  }
  BusError error;
  sd_bus_message* raw = nullptr;
  const int result =
      sd_bus_call_method(opened.bus.get(), "org.antigravityproxy.Daemon1", "/",
                         "org.freedesktop.DBus.Peer", "Ping", &error.error, &raw, nullptr);
  const Message reply(raw);
  return result < 0 && (result == -ETIMEDOUT || error.name() == SD_BUS_ERROR_NO_REPLY ||
                        error.name() == SD_BUS_ERROR_TIMEOUT);
}

std::optional<bool> is_clock_synchronized() {
  const auto opened = open_bus();
  int value = 0;
  BusError error;
  if (opened.error != 0 ||
      sd_bus_get_property_trivial(opened.bus.get(), "org.freedesktop.timedate1",
                                  "/org/freedesktop/timedate1", "org.freedesktop.timedate1",
                                  "NTPSynchronized", &error.error, 'b', &value) < 0) {
    return std::nullopt;
  }
  return value != 0;
}

}  // namespace agp::cli::doctor
