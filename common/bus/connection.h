#pragma once

#include "common/base/result.h"

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

namespace sdbus {
class IConnection;
}

namespace agp::bus {

/// One connection to a message bus, running on one executor (see Pump). Objects and proxies made on
/// `raw()` must be destroyed before it.
class Connection {
 public:
  /// The system bus, or the bus of DBUS_SYSTEM_BUS_ADDRESS when that is set (tests).
  /// @param on_closed see Pump.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open_system(
      boost::asio::any_io_executor executor, std::function<void(Error)> on_closed);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Asks for a well-known name; objects should be registered before.
  [[nodiscard]] Result<> request_name(const std::string& name);
  [[nodiscard]] Result<> release_name(const std::string& name);

  [[nodiscard]] sdbus::IConnection& raw();
  [[nodiscard]] const boost::asio::any_io_executor& executor() const;

  /// See Pump.
  void start();
  void kick();
  void stop();

 private:
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::bus
