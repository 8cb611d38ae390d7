#pragma once

#include "helper/bus/authority.h"
#include "helper/core/ide_patch.h"
#include "helper/core/operations.h"

#include <functional>
#include <memory>

namespace agp::bus {
class Connection;
}

namespace agp::helper {

constexpr char kBusName[] = "org.antigravityproxy.Helper1";
constexpr char kObjectPath[] = "/org/antigravityproxy/Helper1";

/// The object on the bus: who may, then what. All policy is in polkit, all doing in the operations.
class Adaptor {
 public:
  /// @param connection, authority, operations, ide_patch outlive this object.
  /// @param on_activity called at the start and the end of every call.
  Adaptor(bus::Connection* connection,
          Authority* authority,
          core::HelperOperations* operations,
          core::IdePatchOperations* ide_patch,
          std::function<void()> on_activity);
  Adaptor(const Adaptor&) = delete;
  Adaptor& operator=(const Adaptor&) = delete;
  ~Adaptor();

  [[nodiscard]] std::size_t calls_in_flight() const;

  /// Signals for what a periodic look found.
  void report(const core::WatchReport& found);

 private:
  class Object;
  std::unique_ptr<Object> object_;
};

}  // namespace agp::helper
