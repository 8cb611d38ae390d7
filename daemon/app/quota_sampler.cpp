#include "daemon/app/quota_sampler.h"

#include "common/log/log.h"
#include "daemon/api/rfc3339.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// A share of a window that is over says nothing about the one that runs.
std::optional<quota::Point> point_of(const ls::Allowance& allowance, usage::Micros at) {
  const auto resets_at = api::parse_rfc3339(allowance.resets_at);
  if (!allowance.remaining || (resets_at && *resets_at <= at)) {
    return std::nullopt;
  }
  return quota::Point{at, allowance.remaining->value(), resets_at};
}

}  // namespace

std::vector<quota::Sample> samples_of(const ls::QuotaReading& reading) {
  std::vector<quota::Sample> out;
  if (!reading.owner) {
    return out;
  }
  const auto at = std::chrono::time_point_cast<std::chrono::microseconds>(reading.read_at);
  for (const auto& model : reading.account->models) {
    if (const auto point = point_of(model.allowance, at)) {
      out.push_back({{*reading.owner, quota::Kind::model, model.id, model.id, ""}, *point});
    }
  }
  for (const auto& pool : reading.account->pools) {
    for (const auto& bucket : pool.buckets) {
      if (const auto point = point_of(bucket.allowance, at)) {
        out.push_back(
            {{*reading.owner, quota::Kind::pool, bucket.id, pool.name, bucket.window}, *point});
      }
    }
  }
  return out;
}

QuotaSampler::QuotaSampler(asio::any_io_executor executor,
                           ledger::Ledger* ledger,
                           std::chrono::milliseconds every)
    : timer_(std::move(executor)), ledger_(ledger), pace_(every) {}

void QuotaSampler::on_call() {
  pace_.on_call(Clock::now());
  arm();
}

void QuotaSampler::on_answer(const ls::QuotaReading& reading) {
  for (auto& sample : samples_of(reading)) {
    ledger_->append_quota(std::move(sample));
  }
  pace_.on_answer(Clock::now());
  arm();
}

void QuotaSampler::stop() {
  is_stopped_ = true;
  timer_.cancel();
}

void QuotaSampler::arm() {
  const auto next = pace_.next();
  if (is_stopped_ || reader_ == nullptr || !next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*next);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (ec || is_stopped_) {
      return;
    }
    pace_.on_look(Clock::now());
    asio::co_spawn(timer_.get_executor(), look(), [](const std::exception_ptr& bug) {
      if (bug) {
        log::err("bug: an exception ended a look at the quota");
      }
    });
    arm();
  });
}

asio::awaitable<void> QuotaSampler::look() {
  // What it says comes through on_answer(); why it says nothing stands in status.
  (void)co_await reader_->read();
}

}  // namespace agp::app
