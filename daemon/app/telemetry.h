#pragma once

#include "daemon/config/config.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ls/quota_reader.h"
#include "daemon/metrics/report.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agp::app {

/// What `GET /metrics` says of calls, ledger and quota.
class Telemetry {
 public:
  /// @param ledger  outlives this; @param file  the ledger's.
  Telemetry(const daemon_config::Config& config, ledger::Ledger* ledger, std::string file);

  /// Asks the ledger for its totals; reads the disk.
  void ask_ledger();
  /// On the ledger's thread.
  /// @return true when ask_ledger() has to be called, on a thread that may wait for the disk.
  [[nodiscard]] bool on_commit(const usage::Record& record) { return totals_.on_commit(record); }

  /// From now on its last answer is told; it outlives this object.
  void tell_quota_of(ls::QuotaReader* reader) { quota_ = reader; }

  /// From now on these are told.
  void tell_exports_of(std::function<metrics::Exports()> counts) { exports_ = std::move(counts); }

  /// When totals began to be kept in the file that there is; empty: not known.
  [[nodiscard]] std::optional<usage::Micros> ledger_began() const;

  [[nodiscard]] metrics::Report report(usage::Micros now) const;

  /// Whether that account is named in telemetry.scrape_users.
  [[nodiscard]] bool may_scrape(std::uint32_t uid) const;

 private:
  const daemon_config::Config& config_;
  ledger::Ledger* ledger_;
  std::string file_;
  ls::QuotaReader* quota_ = nullptr;           // null: there is no language server
  std::function<metrics::Exports()> exports_;  // null: nothing is exported
  metrics::CallTotals totals_;
};

/// At most so many gauges of each kind, whatever the language server names.
inline constexpr std::size_t kMostQuotaGauges = 40;
[[nodiscard]] std::vector<metrics::QuotaGauge> quota_gauges(const ls::Account& account,
                                                            usage::Micros now);

}  // namespace agp::app
