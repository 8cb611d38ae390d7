#pragma once

#include "daemon/api/turn_port.h"
#include "daemon/ls/ls_driver.h"

namespace agp::app {

/// The API's turns, run by the language server driver.
class Turns final : public api::TurnPort {
 public:
  /// @param driver  outlives this object.
  explicit Turns(ls::LsDriver* driver) : driver_(driver) {}
  [[nodiscard]] boost::asio::awaitable<Result<api::TurnResult>> run(
      api::TurnRequest request) override;

 private:
  ls::LsDriver* driver_;
};

}  // namespace agp::app
