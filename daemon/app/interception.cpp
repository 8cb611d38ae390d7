#include "daemon/app/interception.h"

#include <utility>

#include <boost/asio/post.hpp>
#include <fcntl.h>

namespace agp::app {

Interception::Interception(std::size_t workers,
                           const io::Settings& settings,
                           const MakeSurroundings& make_surroundings,
                           const io::Hooks& hooks) {
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(
        std::make_unique<io::Worker>(settings, make_surroundings(), hooks, &counters_));
  }
}

Interception::~Interception() {
  stop(std::chrono::milliseconds(0));
}

Result<> Interception::listen(const io::Listeners& listeners) {
  using Entry = io::Worker::Entry;
  for (const auto& [sockets, entry] : {std::pair{&listeners.intercept, Entry::redirected},
                                       std::pair{&listeners.connect, Entry::connect}}) {
    for (const auto& socket : *sockets) {
      for (auto& worker : workers_) {
        UniqueFd own(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
        if (!own.is_open()) {
          return errno_error("share a listening socket");
        }
        worker->listen(std::move(own), entry);
      }
    }
  }
  return {};
}

void Interception::start() {
  for (auto& worker : workers_) {
    threads_.emplace_back([each = worker.get()] { each->run(); });
  }
}

void Interception::stop(std::chrono::milliseconds grace) {
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
