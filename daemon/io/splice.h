#pragma once

#include "common/base/unique_fd.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace agp::io {

/// A kernel buffer between two sockets: octets pass through it without entering the process.
class Pipe {
 public:
  /// @return nothing when the process or the user may have no more of them.
  [[nodiscard]] static std::optional<Pipe> make();

  struct Moved {
    enum class Kind { some, none_now, end, failed, unsupported };
    Kind kind = Kind::none_now;
    std::size_t octets = 0;
  };
  /// From a socket into the pipe, as much as there is and fits; never waits.
  [[nodiscard]] Moved fill_from(int socket);
  /// From the pipe into a socket; never waits. Only while size() > 0.
  [[nodiscard]] Moved empty_into(int socket);
  /// Octets inside.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Pipe(UniqueFd out, UniqueFd in) : out_(std::move(out)), in_(std::move(in)) {}
  UniqueFd out_;
  UniqueFd in_;
  std::size_t size_ = 0;
};

/// Empty pipes of one worker, kept for the next octets to move: an idle tunnel holds none.
class PipePool {
 public:
  static constexpr std::size_t kMostIdle = 4;

  [[nodiscard]] std::optional<Pipe> take();
  /// One that still has octets in it, or that is one too many, is closed.
  void give(Pipe pipe);
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

 private:
  std::vector<Pipe> idle_;
};

}  // namespace agp::io
