#include "daemon/io/tally.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace agp::io {
namespace {

std::vector<Tally::Host> most_frequent_first(
    const std::map<std::string, Tally::Host, std::less<>>& from) {
  std::vector<Tally::Host> out;
  out.reserve(from.size());
  for (const auto& [name, host] : from) {
    out.push_back(host);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return out;
}

}  // namespace

Tally::Host& Tally::count_host(ByHost& into, const relay::Report& report, usage::Micros now) {
  const bool has_room = into.size() < kMostHosts || into.contains(report.host);
  const std::string name = has_room ? report.host : kOther;
  auto& host = into[name];
  host.host = name;
  ++host.count;
  host.last_at = now;
  host.detail = report.detail;
  return host;
}

void Tally::count_word(ByWord& into, std::string word) {
  const bool has_room = into.size() < kMostHosts || into.contains(word);
  ++into[has_room ? std::move(word) : kOther];
}

std::optional<Tally::Host> Tally::add(const relay::Report& report, usage::Micros now) {
  using Kind = relay::Report::Kind;
  const std::lock_guard lock(mutex_);
  switch (report.kind) {
    case Kind::client_refused: {
      const auto& host = count_host(refused_by_client_, report, now);
      return std::has_single_bit(host.count) ? std::optional<Host>(host) : std::nullopt;
    }
    case Kind::upstream_refused:
      count_host(refused_by_upstream_, report, now);
      break;
    case Kind::intercepted: {
      // "TLSv1.3 h2": version and protocol; a client that offered none has none.
      const auto space = report.detail.find(' ');
      auto protocol = space == std::string::npos ? std::string() : report.detail.substr(space + 1);
      count_word(intercepted_by_protocol_, protocol.empty() ? "none" : std::move(protocol));
      break;
    }
    case Kind::tunnelled:
      count_word(tunnelled_by_reason_, report.detail.empty() ? "policy" : report.detail);
      break;
    default:  // the counters say all there is
      break;
  }
  return std::nullopt;
}

Tally::Snapshot Tally::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {most_frequent_first(refused_by_client_), most_frequent_first(refused_by_upstream_),
          intercepted_by_protocol_, tunnelled_by_reason_};
}

}  // namespace agp::io
