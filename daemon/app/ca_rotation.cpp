#include "daemon/app/ca_rotation.h"

#include "common/log/log.h"

#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::app {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

template <class T>
asio::awaitable<Result<T>> on_pool(std::function<Result<T>()> task) {
  co_return task();
}

asio::awaitable<void> on_pool(std::function<void()> task) {
  task();
  co_return;
}

Error interrupted() {
  return {asio::error::operation_aborted, "the service stops"};
}

}  // namespace

CaRotation::CaRotation(asio::any_io_executor executor,
                       asio::any_io_executor blocking,
                       Ports ports,
                       std::chrono::milliseconds look)
    : executor_(executor),
      blocking_(std::move(blocking)),
      ports_(std::move(ports)),
      look_(look),
      timer_(executor) {}

void CaRotation::begin(AuthorityPtr current) {
  if (step_ != Step::none || is_stopping_) {
    return;
  }
  problem_.clear();
  at(Step::making);
  asio::co_spawn(executor_, run(std::move(current)), [](const std::exception_ptr& bug) {
    if (bug) {
      log::err("bug: an exception ended a task", {{"TASK", "rotation"}});
    }
  });
}

void CaRotation::stop() {
  is_stopping_ = true;
  timer_.cancel();
}

asio::awaitable<void> CaRotation::run(AuthorityPtr current) {
  auto rotated = rotate(current);
  const auto done = co_await std::move(rotated);
  if (done) {
    log::notice("certificate authority replaced", {{"SHA256", next_->fingerprint()}});
  } else {
    problem_ = done.error().text();
    log::err("certificate authority not replaced, the old one stays", {{"ERROR", done.error()}});
    if (!is_stopping_) {
      auto task = on_pool(ports_.discard);
      co_await asio::co_spawn(blocking_, std::move(task), asio::use_awaitable);
      auto restored = ports_.trust(current->pem());
      (void)co_await std::move(restored);  // the error that is told is the one that led here
    }
  }
  next_.reset();
  at(Step::none);
}

asio::awaitable<Result<>> CaRotation::rotate(AuthorityPtr current) {
  auto making = on_pool(ports_.make);
  auto made = co_await asio::co_spawn(blocking_, std::move(making), asio::use_awaitable);
  if (!made) {
    co_return made.error();
  }
  next_ = std::move(*made);
  if (is_stopping_) {
    co_return interrupted();
  }
  at(Step::publishing);
  // The helper takes no certificate that has expired; whoever needs it does not work anyway.
  const bool is_expired = current->not_after() <= std::chrono::system_clock::now();
  auto published = ports_.trust(is_expired ? next_->pem() : current->pem() + next_->pem());
  if (auto done = co_await std::move(published); !done) {
    co_return done;
  }
  auto renewed = renew_language_server();
  if (auto done = co_await std::move(renewed); !done) {
    co_return done;
  }
  at(Step::switching);
  auto adopting = on_pool(ports_.adopt);
  if (auto done = co_await asio::co_spawn(blocking_, std::move(adopting), asio::use_awaitable);
      !done) {
    co_return done;
  }
  ports_.use(next_);
  if (is_stopping_) {
    co_return Result<>();  // the next start writes the bundle
  }
  auto narrowed = ports_.trust(next_->pem());
  if (const auto done = co_await std::move(narrowed); !done) {
    log::warning("the trust bundle keeps the old certificate until it is written again",
                 {{"ERROR", done.error()}});
  }
  co_return Result<>();
}

/// Until none runs that was started before the bundle had both.
asio::awaitable<Result<>> CaRotation::renew_language_server() {
  const auto starts = ports_.starts();
  while (ports_.has_language_server() && ports_.starts() == starts) {
    if (step_ != Step::restarting) {
      at(ports_.is_busy() ? Step::waiting_for_turns : Step::restarting);
      if (step_ == Step::restarting) {
        ports_.restart_language_server();
      }
    }
    auto waited = pause();
    co_await std::move(waited);
    if (is_stopping_) {
      co_return interrupted();
    }
  }
  co_return Result<>();
}

asio::awaitable<void> CaRotation::pause() {
  timer_.expires_after(look_);
  (void)co_await timer_.async_wait(kTuple);  // cancelled means the same as expired: look again
}

void CaRotation::at(Step step) {
  if (std::exchange(step_, step) != step) {
    ports_.on_change();
  }
}

const char* to_string(CaRotation::Step step) {
  switch (step) {
    case CaRotation::Step::none:
      return "none";
    case CaRotation::Step::making:
      return "making";
    case CaRotation::Step::publishing:
      return "publishing";
    case CaRotation::Step::waiting_for_turns:
      return "waiting-for-turns";
    case CaRotation::Step::restarting:
      return "restarting-language-server";
    case CaRotation::Step::switching:
      return "switching";
  }
  return "unknown";
}

}  // namespace agp::app
