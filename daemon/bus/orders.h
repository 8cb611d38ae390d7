#pragma once

#include "common/base/result.h"
#include "daemon/api/visibility.h"
#include "daemon/bus/answers.h"
#include "daemon/bus/daemon_ports.h"

#include <functional>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace agp::daemon_bus {

/// What changes the state of the service, for callers who may. Each answer comes when the order has
/// been carried out, as far as anybody waits for that.
class Orders {
 public:
  /// @param ports, answers  outlive the object.
  Orders(boost::asio::any_io_executor executor, const DaemonPorts* ports, const Answers* answers)
      : executor_(std::move(executor)), ports_(ports), answers_(answers) {}

  [[nodiscard]] Answers::Text language_server(LanguageServerOrder order, api::Visibility who);
  [[nodiscard]] Answers::Text capture(bool wanted);
  [[nodiscard]] Answers::Text rotate_ca();
  [[nodiscard]] Answers::Text reload_policy();

  /// Nobody waits any more.
  void end() { is_ending_ = true; }

 private:
  boost::asio::awaitable<void> wait_for(std::function<bool()> is_settled);

  boost::asio::any_io_executor executor_;
  const DaemonPorts* ports_;
  const Answers* answers_;
  bool is_ending_ = false;
};

}  // namespace agp::daemon_bus
