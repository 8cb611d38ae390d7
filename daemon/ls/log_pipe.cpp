#include "daemon/ls/log_pipe.h"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <unistd.h>

namespace agp::ls {
namespace asio = boost::asio;

class LogPipe::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const asio::any_io_executor& executor,
       UniqueFd reading,
       ServerLog log,
       std::function<void()> on_listening)
      : log_(std::move(log)),
        on_listening_(std::move(on_listening)),
        descriptor_(executor, reading.release()) {}

  void read() {
    descriptor_.async_read_some(
        asio::buffer(block_),
        [self = shared_from_this()](boost::system::error_code ec, std::size_t size) {
          if (ec || !self->descriptor_.is_open()) {
            return;  // the writer is gone, or our owner
          }
          self->take(size);
          self->read();
        });
  }

  void drain() {
    while (descriptor_.is_open()) {
      const ssize_t size = ::read(descriptor_.native_handle(), block_.data(), block_.size());
      if (size <= 0) {
        return;  // it does not wait: nothing there, or the end
      }
      take(static_cast<std::size_t>(size));
    }
  }

  void close() {
    on_listening_ = nullptr;
    boost::system::error_code ignored;  // a pipe that cannot be closed is closed
    descriptor_.close(ignored);
  }

  [[nodiscard]] const ServerLog& log() const { return log_; }

 private:
  void take(std::size_t size) {
    if (log_.feed({block_.data(), size}) && on_listening_) {
      on_listening_();
    }
  }

  ServerLog log_;
  std::function<void()> on_listening_;
  asio::posix::stream_descriptor descriptor_;
  std::array<char, 16384> block_{};
};

Result<std::unique_ptr<LogPipe>> LogPipe::open(asio::any_io_executor executor,
                                               ServerLog log,
                                               std::function<void()> on_listening,
                                               UniqueFd* writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("pipe for the log of the language server");
  }
  UniqueFd reading(ends[0]);
  writing->reset(ends[1]);
  // Of the reading end alone: the language server's must wait, or lines would be lost.
  if (::fcntl(reading.get(), F_SETFL, O_NONBLOCK) != 0) {
    return errno_error("pipe for the log of the language server");
  }
  auto impl =
      std::make_shared<Impl>(executor, std::move(reading), std::move(log), std::move(on_listening));
  impl->read();
  return std::unique_ptr<LogPipe>(new LogPipe(std::move(impl)));
}

LogPipe::LogPipe(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

LogPipe::~LogPipe() {
  impl_->close();
}

void LogPipe::drain() {
  impl_->drain();
}

const ServerLog& LogPipe::log() const {
  return impl_->log();
}

}  // namespace agp::ls
