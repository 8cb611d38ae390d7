#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "daemon/ls/server_log.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

namespace agp::ls {

/// Takes what one language server logs, so that it never waits for a reader.
class LogPipe {
 public:
  /// @param on_listening  called on the executor once the log says where it takes HTTPS.
  /// @return the pipe, and into `writing` the end for the language server.
  [[nodiscard]] static Result<std::unique_ptr<LogPipe>> open(boost::asio::any_io_executor executor,
                                                             ServerLog log,
                                                             std::function<void()> on_listening,
                                                             UniqueFd* writing);
  LogPipe(const LogPipe&) = delete;
  LogPipe& operator=(const LogPipe&) = delete;
  LogPipe(LogPipe&&) = delete;
  LogPipe& operator=(LogPipe&&) = delete;
  ~LogPipe();

  /// Whatever has been written so far, without waiting. For when the writer is known to be gone.
  void drain();
  [[nodiscard]] const ServerLog& log() const;

 private:
  class Impl;
  explicit LogPipe(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the read that is under way
};

}  // namespace agp::ls
