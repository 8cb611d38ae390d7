#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::daemon_bus {

/// A descriptor that a caller wants to be written to. Whatever the caller does with their end (or
/// with the flags of ours, which they share), no write here ever blocks.
class ExportOutput {
 public:
  /// @return bus::Errc::invalid_args for anything but a pipe or a stream socket open for writing: a
  ///         write to another kind may wait for whoever serves the file.
  [[nodiscard]] static Result<std::unique_ptr<ExportOutput>> take(
      boost::asio::any_io_executor executor, UniqueFd fd);

  ExportOutput(const ExportOutput&) = delete;
  ExportOutput& operator=(const ExportOutput&) = delete;
  ExportOutput(ExportOutput&&) = delete;
  ExportOutput& operator=(ExportOutput&&) = delete;
  ~ExportOutput() = default;

  /// Writes all of it, at the reader's pace.
  /// @param stall  how long the reader may take nothing at all.
  static boost::asio::awaitable<Result<>> write(ExportOutput* self,
                                                std::string octets,
                                                std::chrono::milliseconds stall);

  /// Ends a write that waits.
  void cancel();

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  enum class Kind { pipe, socket };

  ExportOutput(boost::asio::any_io_executor executor, Kind kind);
  [[nodiscard]] Result<std::size_t> write_some(std::string_view octets);
  [[nodiscard]] Result<std::size_t> splice_some(std::string_view octets);
  static boost::asio::awaitable<Result<>> wait(ExportOutput* self, std::chrono::milliseconds stall);

  std::shared_ptr<Descriptor> descriptor_;
  boost::asio::steady_timer timer_;
  Kind kind_;
  bool is_cancelled_ = false;
  UniqueFd staged_out_;  // our own pipe, from which a pipe is filled
  UniqueFd staged_in_;
  std::size_t staged_ = 0;  // octets in it
};

}  // namespace agp::daemon_bus
