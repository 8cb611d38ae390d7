#pragma once

#include "helper/core/ports.h"

#include <memory>
#include <optional>
#include <set>
#include <string>

#include <systemd/sd-bus.h>

namespace agp::os {

/// PID 1 over a connection of its own, blocking and bounded.
class SystemdUnits final : public core::UnitManager {
 public:
  SystemdUnits();
  ~SystemdUnits() override;

  Result<> start(const core::UnitSpec& spec) override;
  Result<std::string> run(core::UnitSpec spec, const core::RunLimits& limits) override;
  Result<> stop(const std::string& unit) override;
  Result<std::vector<core::UnitState>> language_servers() override;
  bool can_restrict_interfaces() override;
  std::optional<bool> enforces_limits() override;
  std::vector<core::UnitExit> take_exits() override;

  /// From now on root's private socket of the service manager is tried first, as systemctl does:
  /// taking things back must work while the bus is dead. References on units need the bus.
  void go_past_the_bus() { past_the_bus_ = true; }
  /// Clears the failed state, if any, so that the unit is not listed any more.
  void reset_failed(const std::string& unit);
  /// Type of the pending job of a unit ("stop", "restart", ...), empty when there is none.
  [[nodiscard]] Result<std::string> job_type(const std::string& unit);

 private:
  struct JobWait;
  struct BusCloser {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  };

  [[nodiscard]] Result<sd_bus*> bus();
  void open_private_socket();
  [[nodiscard]] Result<> open_system_bus();
  [[nodiscard]] Result<std::string> wait_for_job(JobWait& wait);
  [[nodiscard]] Result<std::string> read_until_end(int fd,
                                                   const std::string& unit,
                                                   const core::RunLimits& limits);
  [[nodiscard]] Result<std::string> unit_path(const std::string& unit);
  [[nodiscard]] core::UnitExit exit_of(const std::string& unit);
  /// 0 when no main process runs.
  [[nodiscard]] Result<std::uint32_t> main_pid(const std::string& unit);
  void forget(const std::string& unit);
  [[nodiscard]] Error failure(const std::string& what, int number, const sd_bus_error& error);

  std::unique_ptr<sd_bus, BusCloser> bus_;
  bool past_the_bus_ = false;
  bool is_private_ = false;  // what bus_ is: nobody has a name there
  // Units that this connection holds a reference on, so that their results stay readable. A cache:
  // the truth is the service manager's list.
  std::set<std::string> held_;
};

}  // namespace agp::os
