#include "tests/daemon/ledger/naive.h"

#include "tests/daemon/ledger/support.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include <time.h>

namespace agp::ledger::test {
namespace {

constexpr std::int64_t kSpan = 6 * 86'400;  // seconds that calls are spread over

constexpr const char* kFlags[] = {"total_mismatch", "bad_number", "truncated"};

bool is_wanted(const usage::Record& record, const Filter& filter) {
  return (!filter.since || record.started_at >= *filter.since) &&
         (!filter.until || record.started_at < *filter.until) &&
         (!filter.model || record.model == filter.model) &&
         (!filter.cascade || record.cascade_id == filter.cascade) &&
         (!filter.provider || record.provider == *filter.provider) &&
         (!filter.host || record.host == *filter.host) &&
         (!filter.kind || record.request_kind == *filter.kind) &&
         (!filter.uid || record.local_uid == *filter.uid) &&
         (!filter.owners ||
          (record.owner_uid &&
           std::count(filter.owners->begin(), filter.owners->end(), *record.owner_uid) != 0));
}

Sums sums_of(const usage::Record& record) {
  Sums sums;
  sums.calls = 1;
  sums.ok = record.outcome == usage::Outcome::ok ? 1 : 0;
  sums.partial = record.outcome == usage::Outcome::partial ? 1 : 0;
  sums.errors = record.outcome == usage::Outcome::error ? 1 : 0;
  sums.usage_unknown = record.usage ? 0 : 1;
  if (const auto& usage = record.usage) {
    sums.input_total = usage->input_total;
    sums.input_uncached = usage->input_uncached;
    sums.cached_input = usage->cached_input;
    sums.cache_write = usage->cache_write;
    sums.tool_use_prompt = usage->tool_use_prompt;
    sums.output_total = usage->output_total;
    sums.reasoning = usage->reasoning.value_or(0);
    sums.total = usage->total;
    sums.reasoning_unknown = usage->reasoning ? 0 : 1;
  }
  for (const auto& flag : record.flags) {
    sums.flags[flag] = 1;
  }
  if (record.cost) {
    sums.cost_pico_usd = record.cost->pico_usd;
  }
  sums.unpriced = record.cost ? 0 : 1;
  return sums;
}

std::string time_text(usage::Micros at, std::chrono::minutes offset, const char* format) {
  const auto local = std::chrono::floor<std::chrono::seconds>(at + offset);
  const time_t seconds = local.time_since_epoch().count();
  tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, ::strftime(text, sizeof text, format, &parts)};
}

std::string zone_text(std::chrono::minutes offset) {
  char text[16];
  (void)std::snprintf(text, sizeof text, "%c%02d:%02d", offset.count() < 0 ? '-' : '+',
                      static_cast<int>(std::abs(offset.count()) / 60),
                      static_cast<int>(std::abs(offset.count()) % 60));
  return text;
}

std::optional<std::string> time_key(const usage::Record& record,
                                    GroupBy group,
                                    const Query& query,
                                    bool is_coarse) {
  const auto at = record.started_at;
  const auto offset_at = [&](usage::Micros instant) {
    return query.utc_offset ? query.utc_offset(instant) : std::chrono::minutes(0);
  };
  if (is_coarse) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const bool is_utc = offset_at(day) == std::chrono::minutes(0) &&
                        offset_at(day + std::chrono::hours(23)) == std::chrono::minutes(0);
    return group == GroupBy::day && is_utc
               ? std::optional(time_text(at, std::chrono::minutes(0), "%Y-%m-%d"))
               : std::nullopt;
  }
  if (group == GroupBy::day) {
    return time_text(at, offset_at(at), "%Y-%m-%d");
  }
  return time_text(at, offset_at(at), "%Y-%m-%dT%H:00:00") +
         (query.utc_offset ? zone_text(offset_at(at)) : "Z");
}

GroupKey key_of(const usage::Record& record, const Query& query, bool is_coarse) {
  GroupKey key;
  for (const auto group : query.group_by) {
    switch (group) {
      case GroupBy::model:
        key.push_back(record.model);
        break;
      case GroupBy::provider:
        key.emplace_back(name(record.provider));
        break;
      case GroupBy::host:
        key.emplace_back(record.host);
        break;
      case GroupBy::cascade:
        key.push_back(record.cascade_id);
        break;
      case GroupBy::kind:
        key.emplace_back(name(record.request_kind));
        break;
      case GroupBy::uid:
        key.push_back(record.local_uid ? std::optional(std::to_string(*record.local_uid))
                                       : std::nullopt);
        break;
      case GroupBy::day:
      case GroupBy::hour:
        key.push_back(time_key(record, group, query, is_coarse));
        break;
    }
  }
  return key;
}

std::string text_of(const Sums& sums) {
  std::string out = "calls " + std::to_string(sums.calls) + ", ok " + std::to_string(sums.ok) +
                    ", unknown " + std::to_string(sums.usage_unknown) + ", total " +
                    std::to_string(sums.total) + ", cost " +
                    (sums.cost_pico_usd ? std::to_string(*sums.cost_pico_usd) : "none");
  for (const auto& [flag, count] : sums.flags) {
    out += ", " + flag + " " + std::to_string(count);
  }
  return out;
}

}  // namespace

usage::Micros Chance::instant() {
  const auto second = kMorning + static_cast<std::int64_t>(up_to(kSpan));
  if (one_in(3)) {
    const auto edge = at(second / 900 * 900);
    return edge + std::chrono::microseconds(static_cast<std::int64_t>(up_to(2)) - 1);
  }
  return at(second) + std::chrono::microseconds(up_to(999'999));
}

usage::Record Chance::record() {
  static const char* const models[] = {"flash", "pro", "opus", "gpt"};
  static const char* const hosts[] = {"one.example", "two.example"};
  char id[32];
  (void)std::snprintf(id, sizeof id, "%08llu", static_cast<unsigned long long>(++made_));
  auto out = call(id, models[up_to(3)], up_to(1000), up_to(1000));
  out.started_at = instant();
  out.ended_at = out.started_at + std::chrono::seconds(1);
  out.host = hosts[up_to(1)];
  out.provider = static_cast<usage::Provider>(up_to(3));
  out.request_kind = static_cast<usage::RequestKind>(up_to(4));
  out.outcome = static_cast<usage::Outcome>(up_to(2));
  if (one_in(5)) {
    out.model = std::nullopt;
  }
  if (!one_in(3)) {
    out.request_model = models[up_to(3)];
  }
  out.local_uid = one_in(5) ? std::nullopt : std::optional<std::uint32_t>(1000 + up_to(2));
  // Some of our language server's account, whose tenants change.
  if (one_in(3)) {
    out.local_uid = 990;
    out.owner_uid = one_in(4) ? std::nullopt : std::optional<std::uint32_t>(1000 + up_to(2));
  } else {
    out.owner_uid = out.local_uid;
  }
  if (!one_in(3)) {
    out.cascade_id = "cascade " + std::to_string(up_to(9));
  }
  out.usage->cached_input = up_to(50);
  out.usage->cache_write = up_to(50);
  out.usage->tool_use_prompt = up_to(5);
  out.usage->reasoning = one_in(2) ? std::nullopt : std::optional(up_to(100));
  if (one_in(6)) {
    out.usage = std::nullopt;
  }
  if (one_in(2)) {
    out.cost = usage::Cost{up_to(1'000'000'000), "test", false};
  }
  for (const char* flag : kFlags) {
    if (one_in(6)) {
      out.flags.insert(flag);
    }
  }
  return out;
}

std::vector<usage::Record> Chance::records(std::size_t count) {
  std::vector<usage::Record> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(record());
  }
  return out;
}

Query Chance::question() {
  Query query;
  const auto example = record();  // so that filters mostly find something
  if (one_in(2)) {
    query.filter.since = instant();
  }
  if (one_in(2)) {
    query.filter.until = instant();
  }
  if (one_in(4)) {
    query.filter.model = example.model.value_or("none such");
  }
  if (one_in(4)) {
    query.filter.cascade = example.cascade_id.value_or("none such");
  }
  if (one_in(6)) {
    query.filter.provider = example.provider;
  }
  if (one_in(6)) {
    query.filter.host = example.host;
  }
  if (one_in(6)) {
    query.filter.kind = example.request_kind;
  }
  if (one_in(4)) {
    query.filter.owners = {1000, 1002};
  }
  if (one_in(6)) {
    query.filter.uid = example.local_uid.value_or(4);
  }
  std::vector<GroupBy> groups(std::begin(kAllGroupBy), std::end(kAllGroupBy));
  std::shuffle(groups.begin(), groups.end(), engine_);
  groups.resize(up_to(3));
  query.group_by = groups;
  switch (up_to(5)) {
    case 0:
      query.utc_offset = offset_with_changes;
      break;
    case 1:
      query.utc_offset = [](usage::Micros) {
        return std::chrono::minutes(345);
      };
      break;
    case 2:
      query.utc_offset = [](usage::Micros) {
        return std::chrono::minutes(-570);
      };
      break;
    default:
      break;
  }
  return query;
}

std::chrono::minutes offset_with_changes(usage::Micros at) {
  const auto forward = test::at(kMorning + 21 * 3600);
  return std::chrono::minutes(at >= forward && at < forward + std::chrono::hours(60) ? 60 : 0);
}

Report naive_answer(const std::vector<usage::Record>& records,
                    const Query& query,
                    std::optional<usage::Micros> coarse_before) {
  std::map<GroupKey, Sums> groups;
  Report report;
  for (const auto& record : records) {
    if (!is_wanted(record, query.filter)) {
      continue;
    }
    const bool is_coarse = coarse_before && record.started_at < *coarse_before;
    report.totals.add(sums_of(record));
    groups[key_of(record, query, is_coarse)].add(sums_of(record));
  }
  for (auto& [key, sums] : groups) {
    if (!query.group_by.empty()) {
      report.groups.push_back({key, sums});
    }
  }
  return report;
}

std::string text_of(const Report& report) {
  std::string out = text_of(report.totals) + "\n";
  for (const auto& group : report.groups) {
    for (const auto& part : group.key) {
      out += part.value_or("(none)") + " | ";
    }
    out += text_of(group.sums) + "\n";
  }
  return out;
}

bool same_sums(const Report& left, const Report& right) {
  return left.totals == right.totals &&
         std::equal(left.groups.begin(), left.groups.end(), right.groups.begin(),
                    right.groups.end(), [](const Group& one, const Group& other) {
                      return one.key == other.key && one.sums == other.sums;
                    });
}

}  // namespace agp::ledger::test
