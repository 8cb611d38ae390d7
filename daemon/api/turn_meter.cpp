#include "daemon/api/turn_meter.h"

#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::api {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPage = 200;

ledger::Filter calls_of(const TurnSpan& span) {
  ledger::Filter filter;
  filter.cascade = span.cascade_id;
  filter.since = span.since;
  return filter;
}

}  // namespace

Result<std::size_t> missing_calls(ledger::Ledger& ledger,
                                  const TurnSpan& span,
                                  std::uint64_t calls) {
  std::set<std::string> missing(span.response_ids.begin(), span.response_ids.end());
  ledger::PageQuery query;
  query.filter = calls_of(span);
  query.order = ledger::Order::by_commit;
  query.limit = kPage;
  // As many pages as the sums say that there are: what is committed meanwhile is asked for again.
  for (std::uint64_t seen = 0; !missing.empty() && seen < calls; seen += kPage) {
    const auto page = ledger.records(query);
    if (!page) {
      return page.error();
    }
    for (const auto& record : page->records) {
      missing.erase(record.response_id.value_or(""));
    }
    if (!page->next) {
      break;
    }
    query.cursor = page->next;
  }
  const auto uncounted = span.answers > calls ? span.answers - static_cast<std::size_t>(calls) : 0;
  return std::max(missing.size(), uncounted);
}

std::shared_ptr<TurnMeter> TurnMeter::create(Ports ports) {
  auto self = std::make_shared<TurnMeter>(ports);
  ports.ledger->subscribe([weak = self->weak_from_this()](const usage::Record& /*record*/) {
    if (const auto alive = weak.lock()) {
      alive->on_commit();
    }
  });
  return self;
}

// Any record may be the one: which conversation it belongs to can become known later.
void TurnMeter::on_commit() {
  if (asking_.load() == 0 || is_wake_posted_.exchange(true)) {
    return;
  }
  asio::post(*ports_.io, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->is_wake_posted_.store(false);  // before looking: what comes from now on posts again
      self->wake_all();
    }
  });
}

void TurnMeter::wake_all() {
  ++wakes_;
  for (auto* timer : waiting_) {
    timer->cancel();
  }
}

asio::awaitable<std::optional<ledger::Sums>> TurnMeter::measure(std::shared_ptr<TurnMeter> self,
                                                                TurnSpan span,
                                                                std::chrono::milliseconds limit) {
  if (span.cascade_id.empty()) {
    co_return std::nullopt;
  }
  const auto give_up = std::chrono::steady_clock::now() + limit;
  asio::steady_timer timer(*self->ports_.io);
  ++self->asking_;  // from now on commits are told
  std::optional<Answer> last;
  while (true) {
    const auto wakes = self->wakes_;
    auto task = ask(self->ports_.ledger, &span, limit);
    auto answer = co_await asio::co_spawn(self->ports_.pool->get_executor(), std::move(task),
                                          asio::use_awaitable);
    if (!answer) {
      break;  // what was known before is as good as it gets
    }
    last = std::move(*answer);
    const bool is_whole = last->sums.calls > 0 && last->missing == 0;
    if (is_whole || std::chrono::steady_clock::now() >= give_up) {
      break;
    }
    if (wakes == self->wakes_) {
      timer.expires_at(give_up);
      self->waiting_.push_back(&timer);
      (void)co_await timer.async_wait(kTuple);  // cancelled or not, look again
      self->waiting_.remove(&timer);
    }
  }
  --self->asking_;
  if (!last || last->sums.calls + last->missing == 0) {
    co_return std::nullopt;
  }
  last->sums.calls += last->missing;
  last->sums.usage_unknown += last->missing;
  co_return std::move(last->sums);
}

asio::awaitable<Result<TurnMeter::Answer>> TurnMeter::ask(ledger::Ledger* ledger,
                                                          const TurnSpan* span,
                                                          std::chrono::milliseconds limit) {
  (void)ledger->flush(limit);  // what is late is missing from the answer, and counted as missing
  ledger::Query query;
  query.filter = calls_of(*span);
  auto report = ledger->usage(query);
  if (!report) {
    co_return report.error();
  }
  const auto missing = missing_calls(*ledger, *span, report->totals.calls);
  if (!missing) {
    co_return missing.error();
  }
  Answer answer;
  answer.sums = std::move(report->totals);
  answer.missing = *missing;
  co_return answer;
}

}  // namespace agp::api
