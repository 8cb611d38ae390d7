#include "daemon/io/acceptor.h"

#include "common/log/log.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace agp::io {
namespace {

using namespace std::chrono_literals;

// One wake-up takes at most this many from one socket, so that the others get their turn.
constexpr int kAcceptsPerWakeup = 64;
// How long a full process waits before it looks again; nothing tells us that a descriptor of
// somebody else in this process has become free.
constexpr int kPauseMilliseconds = 50;
// A process that stays at its limit says so this often and no more.
constexpr auto kSayAgain = 60s;

std::uint64_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return 1U << 20U;
  }
  return limit.rlim_cur;
}

}  // namespace

Acceptor::Acceptor(std::vector<Worker*> workers, Limits limits, Counters* counters, Wait wait)
    : workers_(std::move(workers)),
      limits_(limits),
      counters_(counters),
      wait_(std::move(wait)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  assert(!workers_.empty());
}

Acceptor::~Acceptor() = default;

Result<> Acceptor::listen(UniqueFd listener, Origin origin) {
  if (!wake_.is_open()) {
    return Error{make_error_code(boost::system::errc::too_many_files_open), "accept"};
  }
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) {
    return errno_error("getsockname");
  }
  const int flags = ::fcntl(listener.get(), F_GETFL);
  if (flags < 0 || ::fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return errno_error("set a listening socket non-blocking");
  }
  listeners_.push_back({std::move(listener), std::move(origin), local.ss_family == AF_INET6});
  return {};
}

std::size_t Acceptor::open() const {
  std::size_t all = 0;
  for (const auto* worker : workers_) {
    all += worker->load();
  }
  return all;
}

Acceptor::Room Acceptor::room() const {
  const auto connections = open();
  if (connections >= limits_.max_connections) {
    return Room::connections;
  }
  const auto limit = limits_.descriptors != 0 ? limits_.descriptors : descriptor_limit();
  // Every connection that is open may still want its second descriptor, so that what is promised
  // counts and not what is taken.
  if ((connections + 1) * kDescriptorsPerConnection + kReservedDescriptors > limit) {
    return Room::descriptors;
  }
  // The rest of the process may hold more than was kept for it. The kernel gives the lowest free
  // number, which therefore says how many are left.
  const UniqueFd probe(::fcntl(wake_.get(), F_DUPFD_CLOEXEC, 0));
  if (!probe.is_open() ||
      static_cast<std::uint64_t>(probe.get()) + 2 * kDescriptorsPerConnection > limit) {
    return Room::descriptors;
  }
  return Room::enough;
}

void Acceptor::run() {
  std::vector<pollfd> waiting;
  while (!is_stopping_) {
    const auto now_room = room();
    if (now_room == Room::enough) {
      note_resume();
    } else {
      note_pause(now_room);
    }
    waiting.assign(1, pollfd{wake_.get(), POLLIN, 0});
    if (!is_paused_) {
      for (const auto& listener : listeners_) {
        waiting.push_back({listener.fd.get(), POLLIN, 0});
      }
    }
    if (wait_(waiting.data(), waiting.size(), is_paused_ ? kPauseMilliseconds : -1) <= 0) {
      continue;
    }
    if (waiting[0].revents != 0) {
      std::uint64_t ignored = 0;
      (void)!::read(wake_.get(), &ignored, sizeof ignored);  // empty is as good
    }
    for (std::size_t i = 1; i < waiting.size() && !is_stopping_; ++i) {
      if (waiting[i].revents != 0) {
        accept_some(listeners_[i - 1]);
      }
    }
  }
  listeners_.clear();
}

void Acceptor::stop() {
  is_stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);  // a full counter wakes as well
}

void Acceptor::accept_some(const Listener& listener) {
  for (int i = 0; i < kAcceptsPerWakeup && !is_stopping_; ++i) {
    if (room() != Room::enough) {
      return;  // run() says so
    }
    UniqueFd client(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client.is_open()) {
      give(std::move(client), listener);
      continue;
    }
    switch (errno) {
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM: {
        const int problem = errno;
        note_pause(Room::descriptors);
        pollfd woken{wake_.get(), POLLIN, 0};
        (void)wait_(&woken, 1, kPauseMilliseconds);
        log::debug("cannot accept", {{"ERROR", errno_error(problem, "accept")}});
        return;
      }
      default:
        // EAGAIN: all taken. Anything else (ECONNABORTED, EPROTO, a firewall's EPERM) was the
        // client's; the next wake-up brings the next client.
        return;
    }
  }
}

void Acceptor::give(UniqueFd client, const Listener& listener) {
  auto* least =
      *std::min_element(workers_.begin(), workers_.end(),
                        [](const Worker* a, const Worker* b) { return a->load() < b->load(); });
  least->adopt(std::move(client), listener.is_v6, listener.origin);
}

void Acceptor::note_pause(Room why) {
  if (is_paused_) {
    return;
  }
  is_paused_ = true;
  counters_->is_accept_paused = true;
  auto& counter = why == Room::connections ? counters_->paused_for_connections
                                           : counters_->paused_for_descriptors;
  counter.fetch_add(1, std::memory_order_relaxed);
  const auto now = Clock::now();
  if (last_said_ != Clock::time_point{} && now - last_said_ < kSayAgain) {
    return;
  }
  last_said_ = now;
  if (why == Room::connections) {
    log::warning("limits.max_connections reached, new connections wait in the backlog",
                 {{"CONNECTIONS", open()}});
  } else {
    log::warning("almost out of file descriptors, new connections wait in the backlog",
                 {{"CONNECTIONS", open()}, {"LIMIT", descriptor_limit()}});
  }
}

void Acceptor::note_resume() {
  is_paused_ = false;
  counters_->is_accept_paused = false;
}

}  // namespace agp::io
