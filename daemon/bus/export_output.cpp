#include "daemon/bus/export_output.h"

#include "common/bus/errors.h"

#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

bool is_stream_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

Error wrong_kind() {
  return {bus::make_error_code(bus::Errc::invalid_args),
          "pass a pipe or a stream socket that is open for writing"};
}

}  // namespace

Result<std::unique_ptr<ExportOutput>> ExportOutput::take(asio::any_io_executor executor,
                                                         UniqueFd fd) {
  struct stat status {};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0 ||
      ::fstat(fd.get(), &status) != 0) {
    return wrong_kind();
  }
  const bool is_pipe = S_ISFIFO(status.st_mode);
  if (!is_pipe && !(S_ISSOCK(status.st_mode) && is_stream_socket(fd.get()))) {
    return wrong_kind();
  }
  std::unique_ptr<ExportOutput> out(
      new ExportOutput(std::move(executor), is_pipe ? Kind::pipe : Kind::socket));
  if (is_pipe) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      return errno_error("make a pipe");
    }
    out->staged_out_ = UniqueFd(ends[0]);
    out->staged_in_ = UniqueFd(ends[1]);
  }
  boost::system::error_code error;
  (void)out->descriptor_->assign(fd.get(), error);  // the same value comes back and in `error`
  if (error) {
    return Error{error, "watch the descriptor"};
  }
  (void)fd.release();  // the descriptor owns it now
  return out;
}

ExportOutput::ExportOutput(asio::any_io_executor executor, Kind kind)
    : descriptor_(std::make_shared<Descriptor>(executor)), timer_(executor), kind_(kind) {}

void ExportOutput::cancel() {
  is_cancelled_ = true;
  boost::system::error_code ignored;
  descriptor_->cancel(ignored);
}

asio::awaitable<Result<>> ExportOutput::write(ExportOutput* self,
                                              std::string octets,
                                              std::chrono::milliseconds stall) {
  std::size_t sent = 0;
  while (sent < octets.size() || self->staged_ > 0) {
    auto size = self->write_some(std::string_view(octets).substr(sent));
    if (size) {
      sent += *size;
      continue;
    }
    if (size.error().code != asio::error::would_block &&
        size.error().code != asio::error::try_again) {
      co_return size.error();
    }
    auto waited = co_await wait(self, stall);
    if (!waited) {
      co_return waited;
    }
  }
  co_return Result<>();
}

Result<std::size_t> ExportOutput::write_some(std::string_view octets) {
  if (kind_ == Kind::pipe) {
    return splice_some(octets);
  }
  const auto size = ::send(descriptor_->native_handle(), octets.data(), octets.size(),
                           MSG_DONTWAIT | MSG_NOSIGNAL);
  return size < 0 ? Result<std::size_t>(errno_error("write to the socket"))
                  : Result<std::size_t>(static_cast<std::size_t>(size));
}

// A pipe has no write that is told not to block, whatever its flags; splice is. So the octets go
// into a pipe of our own first.
Result<std::size_t> ExportOutput::splice_some(std::string_view octets) {
  std::size_t taken = 0;
  if (!octets.empty()) {
    const auto size = ::write(staged_in_.get(), octets.data(), octets.size());
    if (size < 0 && errno != EAGAIN) {
      return errno_error("stage for the pipe");
    }
    taken = size < 0 ? 0 : static_cast<std::size_t>(size);
    staged_ += taken;
  }
  const auto moved = ::splice(staged_out_.get(), nullptr, descriptor_->native_handle(), nullptr,
                              staged_, SPLICE_F_NONBLOCK);
  if (moved < 0) {
    return taken > 0 && errno == EAGAIN ? Result<std::size_t>(taken)
                                        : Result<std::size_t>(errno_error("write to the pipe"));
  }
  staged_ -= static_cast<std::size_t>(moved);
  return taken;
}

asio::awaitable<Result<>> ExportOutput::wait(ExportOutput* self, std::chrono::milliseconds stall) {
  if (self->is_cancelled_) {
    co_return Error{asio::error::operation_aborted, "the service stops"};
  }
  const auto late = std::make_shared<bool>(false);
  self->timer_.expires_after(stall);
  self->timer_.async_wait(
      [late, weak = std::weak_ptr(self->descriptor_)](boost::system::error_code cancelled) {
        const auto descriptor = cancelled ? nullptr : weak.lock();
        if (descriptor) {
          *late = true;
          boost::system::error_code ignored;
          descriptor->cancel(ignored);
        }
      });
  auto [error] = co_await self->descriptor_->async_wait(Descriptor::wait_write, kTuple);
  self->timer_.cancel();
  if (*late) {
    co_return Error{asio::error::timed_out, "nobody reads from the descriptor"};
  }
  if (error) {
    co_return Error{error, self->is_cancelled_ ? "the service stops" : "wait for the descriptor"};
  }
  co_return Result<>();
}

}  // namespace agp::daemon_bus
