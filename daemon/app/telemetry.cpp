#include "daemon/app/telemetry.h"

#include "common/base/account.h"
#include "common/log/log.h"
#include "daemon/api/rfc3339.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

namespace agp::app {
namespace {

metrics::Semconv semconv_of(daemon_config::GenAiSemconv value) {
  switch (value) {
    case daemon_config::GenAiSemconv::latest:
      return metrics::Semconv::latest;
    case daemon_config::GenAiSemconv::v1_41:
      return metrics::Semconv::v1_41;
    case daemon_config::GenAiSemconv::both:
      return metrics::Semconv::both;
  }
  return metrics::Semconv::latest;
}

std::optional<std::uint64_t> size_of(const std::string& file) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(file, problem);
  return problem ? std::nullopt : std::optional<std::uint64_t>(size);
}

// What was left before a window ended says nothing about the next one.
void put_allowance(metrics::QuotaGauge& gauge, const ls::Allowance& allowance, usage::Micros now) {
  const auto resets_at = api::parse_rfc3339(allowance.resets_at);
  if (resets_at && *resets_at <= now) {
    return;
  }
  gauge.resets_at = resets_at;
  if (allowance.remaining) {
    gauge.remaining = allowance.remaining->value();
  }
}

}  // namespace

Telemetry::Telemetry(const daemon_config::Config& config, ledger::Ledger* ledger, std::string file)
    : config_(config), ledger_(ledger), file_(std::move(file)) {}

void Telemetry::ask_ledger() {
  const auto totals = ledger_->totals();
  if (!totals) {
    log::warning("the ledger cannot say its totals, going on: metrics of usage are left out",
                 {{"ERROR", totals.error()}});
  }
  totals_.begin_with(totals);
}

metrics::Report Telemetry::report(usage::Micros now) const {
  metrics::Report report;
  report.semconv = semconv_of(config_.telemetry.genai_semconv);
  report.totals = totals_.totals();
  report.times = totals_.times();
  for (const auto& endpoint : config_.capture_reverse) {
    report.ports[endpoint.host] = endpoint.port;
  }
  report.ledger_bytes = size_of(file_);
  if (const auto journal = size_of(file_ + "-wal"); journal && report.ledger_bytes) {
    *report.ledger_bytes += *journal;
  }
  if (exports_) {
    report.exports = exports_();
  }
  if (quota_ != nullptr) {
    if (const auto last = quota_->last_reading()) {
      report.quota = quota_gauges(*last->account, now);
    }
  }
  return report;
}

std::optional<usage::Micros> Telemetry::ledger_began() const {
  struct statx status {};
  if (::statx(AT_FDCWD, file_.c_str(), AT_STATX_DONT_SYNC, STATX_BTIME, &status) != 0 ||
      (status.stx_mask & STATX_BTIME) == 0) {
    return std::nullopt;
  }
  return usage::Micros(std::chrono::seconds(status.stx_btime.tv_sec));
}

bool Telemetry::may_scrape(std::uint32_t uid) const {
  const auto& users = config_.telemetry.scrape_users;
  return std::any_of(users.begin(), users.end(),
                     [&](const std::string& user) { return find_uid(user) == uid; });
}

std::vector<metrics::QuotaGauge> quota_gauges(const ls::Account& account, usage::Micros now) {
  std::vector<metrics::QuotaGauge> out;
  std::set<std::pair<std::string, std::string>> known;  // a series is there once
  for (const auto& pool : account.pools) {
    for (const auto& bucket : pool.buckets) {
      if (known.size() < kMostQuotaGauges && known.emplace(pool.name, bucket.window).second) {
        metrics::QuotaGauge gauge{pool.name, {}, bucket.window, {}, {}};
        put_allowance(gauge, bucket.allowance, now);
        out.push_back(std::move(gauge));
      }
    }
  }
  known.clear();
  for (const auto& model : account.models) {
    if (known.size() < kMostQuotaGauges && known.emplace(model.id, "").second) {
      metrics::QuotaGauge gauge{{}, model.id, {}, {}, {}};
      put_allowance(gauge, model.allowance, now);
      out.push_back(std::move(gauge));
    }
  }
  return out;
}

}  // namespace agp::app
