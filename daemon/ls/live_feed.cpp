#include "daemon/ls/live_feed.h"

#include "common/base/ulid.h"
#include "daemon/ls/errors.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

using Clock = std::chrono::steady_clock;

Error given_up() {
  return {Errc::canceled, "the caller gave up"};
}

/// Asking again does not change these.
bool is_final(const Error& error) {
  return error.code == Errc::unauthenticated || error.code == Errc::permission_denied ||
         error.code == Errc::unimplemented || error.code == Errc::certificate_mismatch ||
         error.code == Errc::too_large;
}

/// At once when it has passed. @return false when the caller gave up.
asio::awaitable<bool> wait_until(Clock::time_point when) {
  if (when <= Clock::now()) {
    co_return true;
  }
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, when);
  auto [cancelled] = co_await timer.async_wait(kTuple);
  co_return !cancelled;
}

asio::awaitable<bool> is_given_up() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

LiveFeed::LiveFeed(std::shared_ptr<const Endpoint> endpoint,
                   ConnectClient* client,
                   SourceChoice* choice,
                   std::string cascade_id,
                   std::size_t baseline,
                   Options options)
    : endpoint_(std::move(endpoint)),
      client_(client),
      choice_(choice),
      instance_(endpoint_->instance + ':' + std::to_string(endpoint_->port)),
      cascade_id_(std::move(cascade_id)),
      baseline_(baseline),
      options_(options),
      source_(choice_->source(instance_, Clock::now())) {}

asio::awaitable<void> LiveFeed::open() {
  if (source_ == LiveSource::poll) {
    co_return;
  }
  drop_stream();
  reader_ = make_live_reader(source_, baseline_);
  stream_.emplace(endpoint_);
  LiveRequest request =
      live_request(source_, cascade_id_, make_ulid(std::chrono::system_clock::now()));
  auto opened = co_await stream_->open(std::move(request.method), WireCoding::json,
                                       std::move(request.body), options_.call);
  if (!opened) {
    on_lost(opened.error(), false);  // not even asked: that says nothing about the stream
  }
}

asio::awaitable<Result<LiveFeed::Look>> LiveFeed::next(TimePoint until) {
  while (source_ != LiveSource::poll) {
    if (!stream_) {
      const bool goes_on = co_await wait_until(std::min(open_at_, until));
      if (!goes_on) {
        co_return given_up();
      }
      if (until < open_at_) {
        co_return Look::nothing;
      }
      co_await open();
      if (co_await is_given_up()) {
        co_return given_up();
      }
      continue;
    }
    auto look = co_await read_stream(until);
    if (!look || *look != Look::nothing || Clock::now() >= until) {
      co_return look;
    }
  }
  co_return co_await poll(until);
}

/// One message of the stream. Nothing: the time is up, or the stream is gone, and another one has
/// to be asked for.
asio::awaitable<Result<LiveFeed::Look>> LiveFeed::read_stream(TimePoint until) {
  const TimePoint patience = Clock::now() + (has_said_ ? options_.silence : options_.first_message);
  const TimePoint limit = std::min(patience, until);
  auto message = co_await stream_->next(limit - Clock::now());
  if (co_await is_given_up()) {
    co_return given_up();
  }
  if (message && *message) {
    auto look = take(**message);
    if (!look) {
      on_lost(look.error(), true);
    }
    co_return look ? look : Result<Look>(Look::nothing);
  }
  if (message) {
    on_lost({Errc::unreachable, "the stream ended"}, !has_said_);
    co_return Look::nothing;
  }
  const bool is_silence = message.error().code == Errc::deadline_exceeded && Clock::now() >= limit;
  if (is_silence && (has_said_ || limit == until)) {
    drop_stream();  // was it forgotten? A new one begins with everything there is
  } else {
    on_lost(message.error(), true);
  }
  co_return Look::nothing;
}

Result<LiveFeed::Look> LiveFeed::take(const std::string& message) {
  if (auto fed = reader_->feed(message); !fed) {
    return fed.error();
  }
  has_said_ = true;
  return compare(reader_->state(), true);
}

/// The first look after a change of the source may be the last one before it once more.
LiveFeed::Look LiveFeed::compare(const LiveState& state, bool is_news) {
  if (const auto last = std::exchange(last_, std::nullopt)) {
    return *last == state ? Look::same : Look::news;
  }
  return is_news ? Look::news : Look::same;
}

void LiveFeed::drop_stream() {
  stream_.reset();
  if (std::exchange(has_said_, false)) {
    last_ = reader_->state();
  }
}

void LiveFeed::on_lost(const Error& error, bool is_to_blame) {
  const bool said_nothing = !has_said_;
  const TimePoint now = Clock::now();
  drop_stream();
  ++lost_;
  open_at_ = lost_ == 1 ? now : now + options_.poll;
  if (is_to_blame && choice_->on_failed(instance_, source_, error, now)) {
    source_ = choice_->source(instance_, now);
    open_at_ = now;
  } else if (said_nothing && (error.code == Errc::deadline_exceeded || ++lost_in_silence_ >= 2)) {
    source_ = LiveSource::poll;  // for this turn
  }
  if (lost_ >= options_.lost_streams) {
    source_ = LiveSource::poll;
  }
}

asio::awaitable<Result<LiveFeed::Look>> LiveFeed::poll(TimePoint until) {
  const bool goes_on = co_await wait_until(std::min(poll_at_, until));
  if (!goes_on) {
    co_return given_up();
  }
  if (until < poll_at_) {
    co_return Look::nothing;
  }
  LiveRequest request = live_request(LiveSource::poll, cascade_id_, "");
  auto answer =
      co_await client_->call(std::move(request.method), std::move(request.body), options_.call);
  if (co_await is_given_up()) {
    co_return given_up();
  }
  poll_at_ = Clock::now() + options_.poll;
  if (!answer) {
    if (++failed_polls_ >= options_.failed_polls || is_final(answer.error())) {
      co_return answer.error();
    }
    co_return Look::nothing;
  }
  failed_polls_ = 0;
  if (!polled_) {
    polled_.emplace(baseline_);
  }
  if (auto fed = polled_->feed(*answer); !fed) {
    co_return fed.error();
  }
  co_return compare(polled_->state(), polled_->is_news());
}

const LiveState& LiveFeed::state() const {
  return polled_ ? static_cast<const LiveReader&>(*polled_).state() : reader_->state();
}

void LiveFeed::on_worked() {
  if (lost_ == 0) {
    choice_->on_worked(instance_, source_);
  }
}

}  // namespace agp::ls
