#include "daemon/ls/exit_watch.h"

#include "common/base/unique_fd.h"
#include "daemon/ls/process_scan.h"

#include <cerrno>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <sys/syscall.h>
#include <unistd.h>

namespace agp::ls {
namespace asio = boost::asio;

/// Handlers that are still queued hold on to it, and see that nobody wants them any more.
struct ExitWatch::Watched {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  asio::posix::stream_descriptor descriptor;
  ExitWatch* owner = nullptr;  // null once it is not watched any more
};

ExitWatch::ExitWatch(asio::any_io_executor executor, std::function<void()> on_exit)
    : executor_(std::move(executor)), on_exit_(std::move(on_exit)) {}

ExitWatch::~ExitWatch() {
  clear();
}

bool ExitWatch::watch(pid_t pid, std::uint64_t start_time, const std::string& proc) {
  if (watched_ && watched_->pid == pid && watched_->start_time == start_time) {
    return true;
  }
  clear();
  // By number: C libraries before 2.36 have no function for it.
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const bool is_gone = !fd.is_open() && errno == ESRCH;
  if (!fd.is_open() && !is_gone) {
    return false;
  }
  watched_ = std::shared_ptr<Watched>(
      new Watched{pid, start_time, asio::posix::stream_descriptor(executor_), this});
  // Only now is it certain whom the descriptor means: the pid cannot be reused behind it. Where
  // /proc hides other users' processes it is not: a pid that was reused since the look is then
  // told by the next look.
  const auto began = is_gone ? std::nullopt : start_time_of(proc, pid);
  const bool is_other = began && *began != start_time;
  if (is_gone || is_other) {
    asio::post(executor_, [watched = watched_] {
      if (watched->owner != nullptr) {
        watched->owner->ended(watched);
      }
    });
    return true;
  }
  watched_->descriptor.assign(fd.release());
  watched_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [watched = watched_](boost::system::error_code ec) {
                                    if (!ec && watched->owner != nullptr) {
                                      watched->owner->ended(watched);
                                    }
                                  });
  return true;
}

void ExitWatch::clear() {
  if (watched_) {
    watched_->owner = nullptr;
    boost::system::error_code ignored;  // closing what is not open is no failure here
    watched_->descriptor.close(ignored);
    watched_.reset();
  }
}

void ExitWatch::ended(const std::shared_ptr<Watched>& watched) {
  watched->owner = nullptr;
  boost::system::error_code ignored;
  watched->descriptor.close(ignored);
  on_exit_();
}

}  // namespace agp::ls
