#include "daemon/api/record_feed.h"

#include "daemon/api/record_json.h"

#include <algorithm>
#include <utility>

namespace agp::api {
namespace {

// Ids are by start and sequences by commit: the newest commit is among the newest ids.
constexpr std::size_t kNewest = 100;

const char* word(EndReason reason) {
  switch (reason) {
    case EndReason::slow_reader:
      return "slow_reader";
    case EndReason::stopping:
      return "stopping";
    case EndReason::ledger:
      return "ledger_unavailable";
  }
  return "";
}

}  // namespace

RecordFeed::RecordFeed(ledger::Filter filter, std::uint64_t after, std::size_t page)
    : after_(after) {
  query_.filter = std::move(filter);
  query_.order = ledger::Order::by_commit;
  query_.limit = page;
}

Result<std::string> RecordFeed::next(ledger::Ledger& ledger, std::uint64_t head) {
  query_.cursor = std::to_string(after_);
  const auto page = ledger.records(query_);
  if (!page) {
    return page.error();
  }
  std::string out;
  for (const auto& record : page->records) {
    out += "id: " + std::to_string(record.sequence) +
           "\nevent: record\ndata: " + record_line(record) + "\n\n";
    after_ = std::max(after_, record.sequence);
  }
  is_behind_ = page->next.has_value();
  if (!is_behind_) {
    // What was committed before the question and is not in the answer does not match: it need not
    // be looked at again.
    after_ = std::max(after_, head);
  }
  return out;
}

bool RecordFeed::wants_more(std::uint64_t head) const {
  return is_behind_ || head > after_;
}

Result<std::uint64_t> newest_sequence(ledger::Ledger& ledger) {
  ledger::PageQuery query;
  query.limit = kNewest;
  const auto page = ledger.records(query);
  if (!page) {
    return page.error();
  }
  std::uint64_t newest = 0;
  for (const auto& record : page->records) {
    newest = std::max(newest, record.sequence);
  }
  return newest;
}

std::string stream_opening() {
  return "retry: 3000\n\n";
}

std::string keep_alive_comment() {
  return ": keep-alive\n\n";
}

std::string end_event(EndReason reason, std::uint64_t after) {
  return std::string("event: end\ndata: {\"reason\":\"") + word(reason) +
         "\",\"resume_after\":" + std::to_string(after) + "}\n\n";
}

}  // namespace agp::api
