#include "daemon/io/splice.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace agp::io {
namespace {

constexpr std::size_t kAtOnce = 64 * 1024;  // the size of a pipe, unless somebody changed it

Pipe::Moved judged(ssize_t moved, bool is_source) {
  using Kind = Pipe::Moved::Kind;
  if (moved > 0) {
    return {Kind::some, static_cast<std::size_t>(moved)};
  }
  if (moved == 0) {
    return {is_source ? Kind::end : Kind::none_now, 0};
  }
  switch (errno) {
    case EAGAIN:
    case EINTR:
      return {Kind::none_now, 0};
    case EINVAL:
    case ENOSYS:
    case EPERM:
      return {Kind::unsupported, 0};
    default:
      return {Kind::failed, 0};
  }
}

}  // namespace

std::optional<Pipe> Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return std::nullopt;
  }
  return Pipe(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Pipe::Moved Pipe::fill_from(int socket) {
  const auto moved = judged(
      ::splice(socket, nullptr, in_.get(), nullptr, kAtOnce, SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
      /*is_source=*/true);
  size_ += moved.octets;
  return moved;
}

Pipe::Moved Pipe::empty_into(int socket) {
  const auto moved = judged(
      ::splice(out_.get(), nullptr, socket, nullptr, size_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK),
      /*is_source=*/false);
  size_ -= moved.octets;
  return moved;
}

std::optional<Pipe> PipePool::take() {
  if (idle_.empty()) {
    return Pipe::make();
  }
  auto last = std::move(idle_.back());
  idle_.pop_back();
  return last;
}

void PipePool::give(Pipe pipe) {
  if (pipe.size() == 0 && idle_.size() < kMostIdle) {
    idle_.push_back(std::move(pipe));
  }
}

}  // namespace agp::io
