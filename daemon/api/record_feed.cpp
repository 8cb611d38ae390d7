#include "daemon/api/record_feed.h"

#include "daemon/api/record_json.h"

#include <algorithm>
#include <utility>

namespace agp::api {
namespace {

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

void RecordFeed::restart() {
  after_ = 0;
  is_behind_ = true;
}

Result<std::uint64_t> newest_sequence(ledger::Ledger& ledger) {
  const auto summary = ledger.summary();
  if (!summary) {
    return summary.error();
  }
  return summary->last_sequence;
}

std::string reset_event(std::uint64_t after, std::uint64_t newest) {
  return "id: 0\nevent: reset\ndata: {\"after\":" + std::to_string(after) +
         ",\"newest\":" + std::to_string(newest) + "}\n\n";
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
