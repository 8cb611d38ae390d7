#include "daemon/otlp/exporter.h"

#include "common/log/log.h"

#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::otlp {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
// Fewer may be a receiver that is started anew.
constexpr unsigned kFailuresUntilProblem = 3;

using Item = std::optional<Queue::Item>;

asio::awaitable<Item> oldest_of(Queue* queue) {
  co_return queue->front();
}

asio::awaitable<void> take_out(Queue* queue, std::uint64_t place) {
  queue->pop(place);
  co_return;
}

asio::awaitable<Result<>> put_into(Queue* queue, std::string body, std::uint64_t place) {
  co_return queue->push(body, place);
}

usage::Micros wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Exporter::Exporter(asio::any_io_executor executor,
                   asio::any_io_executor blocking,
                   Ports ports,
                   Queue* queue,
                   std::chrono::milliseconds interval)
    : executor_(executor),
      blocking_(std::move(blocking)),
      ports_(std::move(ports)),
      queue_(queue),
      schedule_(Schedule::Clock::now(), interval),
      timer_(executor) {}

void Exporter::start() {
  asio::co_spawn(executor_, run(), [](const std::exception_ptr& bug) {
    if (bug) {
      log::err("bug: an exception ended a task", {{"TASK", "export of metrics"}});
    }
  });
}

void Exporter::stop() {
  if (std::exchange(is_stopped_, true)) {
    return;
  }
  timer_.cancel();
  for (const auto& body : {unanswered_.value_or(""), ports_.gather()}) {
    if (!body.empty()) {
      on_kept(queue_->push(body));
    }
  }
}

metrics::Exports Exporter::counts() const {
  auto counts = counts_;
  const auto queue = queue_->counts();
  counts.no_room = queue.no_room;
  counts.unwritable = queue.unwritable;
  counts.unreadable = queue.unreadable;
  counts.waiting = queue.waiting;
  counts.waiting_bytes = queue.waiting_bytes;
  counts.limit_bytes = queue_->limit();
  counts.oldest_waiting_since = queue.oldest_since;
  return counts;
}

std::string Exporter::last_error() const {
  return schedule_.failures() == 0 ? std::string() : last_failure_;
}

std::optional<std::string> Exporter::problem() const {
  return schedule_.failures() < kFailuresUntilProblem ? std::nullopt : std::optional(last_failure_);
}

std::optional<std::string> Exporter::keep_problem() const {
  return schedule_.failures() == 0 ? std::nullopt : not_kept_;
}

asio::awaitable<void> Exporter::run() {
  while (!is_stopped_) {
    const auto step = schedule_.next(Schedule::Clock::now(), queue_->counts().waiting > 0);
    asio::awaitable<void> task = step.task == Schedule::Task::gather ? gather()
                                 : step.task == Schedule::Task::send ? send_oldest()
                                                                     : pause(step.until);
    co_await std::move(task);
  }
}

asio::awaitable<void> Exporter::pause(Schedule::Time until) {
  timer_.expires_at(until);
  (void)co_await timer_.async_wait(kTuple);  // cancelled: run() looks why
}

// What waits goes first: points of a series are sent in their order.
asio::awaitable<void> Exporter::gather() {
  const auto now = Schedule::Clock::now();
  schedule_.on_gathered(now);
  auto body = ports_.gather();
  if (queue_->counts().waiting == 0 && schedule_.may_send(now)) {
    unanswered_ = body;
    auto sending = send(body);
    const auto kind = co_await std::move(sending);
    unanswered_.reset();
    if (kind != Verdict::Kind::later || is_stopped_) {
      co_return;  // stop() has kept it
    }
  }
  // What stop() keeps meanwhile is newer.
  auto putting = put_into(queue_, std::move(body), queue_->next_place());
  const auto kept = co_await asio::co_spawn(blocking_, std::move(putting), asio::use_awaitable);
  on_kept(kept);
}

// A disk that stays full is told of once.
void Exporter::on_kept(const Result<>& kept) {
  if (!kept && !not_kept_) {
    log::warning("metrics that could not be sent are not kept, going on",
                 {{"ERROR", kept.error()}});
  }
  not_kept_ = kept ? std::nullopt : std::optional(kept.error().text());
}

asio::awaitable<void> Exporter::send_oldest() {
  auto taking = oldest_of(queue_);
  auto item = co_await asio::co_spawn(blocking_, std::move(taking), asio::use_awaitable);
  if (!item || is_stopped_) {
    co_return;
  }
  auto sending = send(std::move(item->octets));
  if (co_await std::move(sending) == Verdict::Kind::later) {
    co_return;
  }
  auto removing = take_out(queue_, item->place);
  co_await asio::co_spawn(blocking_, std::move(removing), asio::use_awaitable);
}

asio::awaitable<Verdict::Kind> Exporter::send(std::string body) {
  auto posting = ports_.post(std::move(body));
  const auto answer = co_await std::move(posting);
  Verdict verdict{Verdict::Kind::later, {}, 0, {}};
  std::string failure;
  if (answer) {
    verdict = judge(*answer, wall_clock());
    failure = "the receiver answers " + std::to_string(answer->status);
  } else {
    failure = answer.error().text();
  }
  if (verdict.kind == Verdict::Kind::accepted) {
    if (schedule_.failures() >= kFailuresUntilProblem) {
      log::notice("metrics are sent again");
    }
    schedule_.on_accepted();
    ++counts_.accepted;
    counts_.accepted_at = wall_clock();
    if (verdict.rejected_points > 0) {
      counts_.rejected_points += verdict.rejected_points;
      log::warning("the receiver of metrics rejected a part of them",
                   {{"POINTS", verdict.rejected_points}, {"ERROR", verdict.message}});
    }
    co_return verdict.kind;
  }
  ++counts_.failed;
  counts_.refused += verdict.kind == Verdict::Kind::refused ? 1 : 0;
  last_failure_ = std::move(failure);
  schedule_.on_failure(Schedule::Clock::now(), verdict.retry_after, ports_.random());
  if (schedule_.failures() == kFailuresUntilProblem) {
    log::warning("metrics do not reach their receiver, they wait in the queue",
                 {{"ERROR", last_failure_}});
  }
  co_return verdict.kind;
}

}  // namespace agp::otlp
