#pragma once

#include "common/base/result.h"
#include "daemon/bus/daemon_ports.h"

#include <cstdint>
#include <memory>
#include <string>

namespace agp::bus {
class Connection;
}

namespace agp::daemon_bus {

inline constexpr char kBusName[] = "org.antigravityproxy.Daemon1";
inline constexpr char kActionReloadPolicy[] = "org.antigravityproxy.reload-policy";
inline constexpr char kActionControlCapture[] = "org.antigravityproxy.control-capture";
inline constexpr char kActionRotateCa[] = "org.antigravityproxy.rotate-ca";
inline constexpr char kActionControlLanguageServer[] =
    "org.antigravityproxy.control-language-server";
inline constexpr char kObjectPath[] = "/org/antigravityproxy/Daemon1";

/// org.antigravityproxy.Daemon1 on the bus. Lives on the connection's executor.
class DaemonObject {
 public:
  /// Registers the object and listens to the ledger; the name is requested by whoever owns the
  /// connection, afterwards.
  /// @param connection outlives the object.
  [[nodiscard]] static Result<std::unique_ptr<DaemonObject>> create(bus::Connection* connection,
                                                                    DaemonPorts ports);
  DaemonObject(const DaemonObject&) = delete;
  DaemonObject& operator=(const DaemonObject&) = delete;
  DaemonObject(DaemonObject&&) = delete;
  DaemonObject& operator=(DaemonObject&&) = delete;
  ~DaemonObject();

  /// Looks at the status and tells which properties have another value than before.
  void tell_changes();

  /// Tells that programs do not accept our certificate for `host`, `count` times so far.
  void announce_refused_certificate(const std::string& host, std::uint64_t count);

  /// Exports under way end with an error: they go at the pace of their readers. Before the pool is
  /// joined.
  void end_exports();

  /// Gives up the calls that still wait for polkit (where a person may be looking for a password)
  /// or for the bus: their callers get no answer. What is left of them belongs to the executor,
  /// which must run its ready handlers before this call and after it, with the pool at rest and the
  /// connection still there.
  void close();

 private:
  class Object;
  explicit DaemonObject(std::shared_ptr<Object> object);
  std::shared_ptr<Object> object_;
};

}  // namespace agp::daemon_bus
