#pragma once

#include "daemon/api/ca_report.h"
#include "daemon/api/login_port.h"
#include "daemon/api/status.h"
#include "daemon/api/visibility.h"
#include "daemon/ledger/ledger.h"

#include <functional>
#include <string>

namespace boost::asio {
class thread_pool;
}

namespace agp::daemon_bus {

/// What people ask of the language server.
enum class LanguageServerOrder { start, stop, restart };

/// Everything the object asks others for. All of it outlives the object.
struct DaemonPorts {
  ledger::Ledger* ledger = nullptr;
  boost::asio::thread_pool* pool = nullptr;  // where the ledger is asked
  api::LoginPort* logins = nullptr;          // null: nothing is known of quota and sessions
  std::function<api::StatusReport()> status;
  /// Documents of daemon/policy/report.h.
  std::function<std::string()> policy;
  std::function<std::string(std::string host, std::string method, std::string path)> check_policy;
  std::function<std::string()> reload_policy;
  /// Begins to carry it out; `status` says when that is done. Empty without a supervisor.
  std::function<void(LanguageServerOrder)> order_language_server;
  /// Begins to switch capture on or off; `status` says when that is done.
  std::function<void(bool wanted)> order_capture;
  std::function<api::CaReport()> ca;
  /// Begins to replace the certificate authority; `ca` says when that is done.
  std::function<void()> rotate_ca;
  api::VisibilityRules visibility;
  std::function<usage::Micros()> now;
};

}  // namespace agp::daemon_bus
