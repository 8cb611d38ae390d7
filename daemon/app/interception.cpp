#include "daemon/app/interception.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

namespace agp::app {

Interception::Interception(std::size_t workers,
                           const io::Settings& settings,
                           std::size_t max_connections,
                           const MakeSurroundings& make_surroundings,
                           const io::Hooks& hooks) {
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(
        std::make_unique<io::Worker>(settings, make_surroundings(), hooks, &counters_));
  }
  std::vector<io::Worker*> borrowed;
  for (auto& worker : workers_) {
    borrowed.push_back(worker.get());
  }
  io::Acceptor::Limits limits;
  limits.max_connections = max_connections;
  acceptor_ = std::make_unique<io::Acceptor>(std::move(borrowed), limits, &counters_);
}

Interception::~Interception() {
  stop(std::chrono::milliseconds(0));
}

Result<> Interception::listen(io::Listeners& listeners) {
  using io::Entry;
  for (const auto& [sockets, entry] : {std::pair{&listeners.intercept, Entry::redirected},
                                       std::pair{&listeners.connect, Entry::connect}}) {
    for (auto& socket : *sockets) {
      if (auto done = acceptor_->listen(std::move(socket), {entry, {}}); !done) {
        return done;
      }
    }
    sockets->clear();
  }
  return {};
}

Result<> Interception::listen_reverse(UniqueFd listener, io::ReverseTarget target) {
  io::Origin origin{io::Entry::reverse,
                    std::make_shared<const io::ReverseTarget>(std::move(target))};
  return acceptor_->listen(std::move(listener), std::move(origin));
}

void Interception::start() {
  for (auto& worker : workers_) {
    threads_.emplace_back([each = worker.get()] { each->run(); });
  }
  accepting_ = std::thread([this] { acceptor_->run(); });
}

void Interception::drain(std::function<void()> on_empty) {
  // Of this call alone: the end of an earlier one may still be told.
  const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (auto& worker : workers_) {
    worker->drain([left, on_empty] {
      if (left->fetch_sub(1) == 1) {
        on_empty();
      }
    });
  }
}

void Interception::end_drained() {
  for (auto& worker : workers_) {
    worker->end_drained();
  }
}

void Interception::stop_accepting() {
  acceptor_->stop();
  if (accepting_.joinable()) {
    accepting_.join();
  }
}

void Interception::stop(std::chrono::milliseconds grace) {
  stop_accepting();
  for (auto& worker : workers_) {
    worker->stop(grace);
  }
  for (auto& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

void Interception::post_to_all(const std::function<void()>& each) {
  for (auto& worker : workers_) {
    boost::asio::post(worker->context(), each);
  }
}

void Interception::post_to(std::size_t worker, std::function<void()> task) {
  boost::asio::post(workers_[worker]->context(), std::move(task));
}

}  // namespace agp::app
