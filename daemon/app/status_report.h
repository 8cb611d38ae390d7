#pragma once

#include "daemon/api/status.h"
#include "daemon/app/helper_over_bus.h"
#include "daemon/app/interception.h"
#include "daemon/config/config.h"
#include "daemon/io/tally.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "daemon/ls/supervisor.h"
#include "daemon/tls/ca.h"

#include <optional>
#include <string>

namespace agp::app {

/// Everything that `status` is made of. Borrowed; what does not exist in this mode is null.
struct StatusSources {
  const daemon_config::Config* config = nullptr;
  const tls::Authority* authority = nullptr;
  const ledger::SqliteLedger* ledger = nullptr;
  const Interception* interception = nullptr;
  const io::Tally* tally = nullptr;
  const HelperOverBus* helper = nullptr;
  const ls::Supervisor* supervisor = nullptr;

  bool is_service = false;
  std::string state_dir;
  usage::Micros started_at{};
  ledger::Summary summary;
  api::Sockets sockets;
  std::string price_version;
  std::string price_date;
  api::StatusReport::Policy policy;
  std::string authority_renewed_because;  // empty: it was not
  std::optional<Error> keys_fault;        // of api.keys_file
  api::FailedCallers::Counts failed_callers;
  std::string bus_problem;                          // empty: none
  std::optional<api::ExportStatus> metrics_export;  // of telemetry.otlp
};

[[nodiscard]] api::StatusReport assemble_status(const StatusSources& from, usage::Micros now);

/// The interception's own part.
[[nodiscard]] api::InterceptionStatus interception_status(const io::Counters& counters,
                                                          const io::Tally::Snapshot& tally);

/// A process that accepts nothing more for now is a problem of whoever wants to connect.
void add_room_problem(api::StatusReport& report);

}  // namespace agp::app
