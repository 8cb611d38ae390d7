#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"

#include <map>
#include <string>
#include <utility>

namespace agp::metrics {
namespace {

using ledger::Sums;

constexpr const char* kUnknown = "unknown";
constexpr std::size_t kPicoDigits = 12;
constexpr const char* kUsageMissing = "usage_missing";

std::string shown(const std::string& model) {
  return model.empty() ? kUnknown : model;
}

// What is more than the whole is a contradiction of the provider, and flagged as one.
std::uint64_t rest(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

std::uint64_t flagged(const Sums& sums, const std::string& flag) {
  const auto found = sums.flags.find(flag);
  return found == sums.flags.end() ? 0 : found->second;
}

using ByModel = std::map<std::string, Sums>;
using ByModelAndKind = std::map<std::pair<std::string, std::string>, Sums>;

void tokens(Sink& sink, const ByModel& by_model) {
  sink.family("antigravity_tokens_total");
  for (const auto& [model, sums] : by_model) {
    const auto sample = [&, &name = model](const char* token_class, std::uint64_t value) {
      sink.sample(value, {{"model", name}, {"class", token_class}});
    };
    sample("input", rest(sums.input_uncached, sums.tool_use_prompt));
    sample("tool_prompt", sums.tool_use_prompt);
    sample("cached", sums.cached_input);
    sample("cache_write", sums.cache_write);
    sample("output", rest(sums.output_total, sums.reasoning));
    sample("reasoning", sums.reasoning);
  }
}

void operations(Sink& sink, const ByModelAndKind& by_kind) {
  const auto family = [&](const char* name, std::uint64_t Sums::*which) {
    sink.family(name);
    for (const auto& [place, sums] : by_kind) {
      sink.sample(sums.*which, {{"model", place.first}, {"kind", place.second}});
    }
  };
  family("antigravity_operations_total", &Sums::calls);
  family("antigravity_operation_failures_total", &Sums::errors);
  family("antigravity_incomplete_operations_total", &Sums::partial);
}

void doubts(Sink& sink, const ByModel& by_model, const Sums& all) {
  sink.family("antigravity_usage_unreported_operations_total");
  for (const auto& [model, sums] : by_model) {
    const auto missing = flagged(sums, kUsageMissing);
    sink.sample(missing, {{"model", model}, {"reason", "missing"}});
    sink.sample(rest(sums.usage_unknown, missing), {{"model", model}, {"reason", "not_received"}});
  }
  sink.family("antigravity_usage_mismatch_total");
  sink.sample(flagged(all, "total_mismatch"), {{"class", "reported_total"}});
  sink.sample(flagged(all, "partition_mismatch"), {{"class", "partition"}});
  sink.family("antigravity_unpriced_operations_total");
  for (const auto& [model, sums] : by_model) {
    sink.sample(sums.unpriced, {{"model", model}});
  }
  sink.family("antigravity_cost_estimate_usd_total");
  for (const auto& [model, sums] : by_model) {
    if (sums.cost_pico_usd) {
      sink.sample_text(decimal(*sums.cost_pico_usd, kPicoDigits), {{"model", model}});
    }
  }
}

}  // namespace

void render_calls(Sink& sink, const Report& report) {
  if (!report.totals) {
    return;
  }
  ByModel by_model;
  ByModelAndKind by_kind;
  Sums all;
  for (const auto& [origin, total] : *report.totals) {
    by_model[shown(origin.model)].add(total.sums);
    by_kind[{shown(origin.model), origin.kind}].add(total.sums);
    all.add(total.sums);
  }
  tokens(sink, by_model);
  operations(sink, by_kind);
  doubts(sink, by_model, all);
}

void render_quota(Sink& sink, const std::vector<QuotaGauge>& quota) {
  const auto family = [&](const char* name, bool is_pool, const auto& value_of) {
    sink.family(name);
    for (const auto& each : quota) {
      const auto value = value_of(each);
      if (is_pool != each.model.empty() || !value) {
        continue;
      }
      sink.sample_text(*value, is_pool ? Labels{{"pool", each.pool}, {"window", each.window}}
                                       : Labels{{"model", each.model}});
    }
  };
  const auto remaining = [](const QuotaGauge& each) {
    return each.remaining ? std::optional(shortest(*each.remaining)) : std::nullopt;
  };
  const auto resets_at = [](const QuotaGauge& each) {
    constexpr std::size_t kMicroDigits = 6;
    return each.resets_at
               ? std::optional(
                     decimal(static_cast<std::uint64_t>(each.resets_at->time_since_epoch().count()),
                             kMicroDigits))
               : std::nullopt;
  };
  family("antigravity_quota_remaining_ratio", true, remaining);
  family("antigravity_quota_reset_timestamp_seconds", true, resets_at);
  family("antigravity_model_quota_remaining_ratio", false, remaining);
  family("antigravity_model_quota_reset_timestamp_seconds", false, resets_at);
}

}  // namespace agp::metrics
