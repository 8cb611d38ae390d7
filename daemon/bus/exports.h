#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "daemon/api/record_export.h"
#include "daemon/api/usage_question.h"
#include "daemon/api/visibility.h"
#include "daemon/bus/daemon_ports.h"
#include "daemon/bus/export_output.h"

#include <cstdint>
#include <list>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace agp::daemon_bus {

/// Records written to descriptors of callers, each at the pace of its reader.
class Exports {
 public:
  /// @param ports  outlive the object.
  Exports(boost::asio::any_io_executor executor, const DaemonPorts* ports)
      : executor_(std::move(executor)), ports_(ports) {}

  /// @return the records that were written.
  [[nodiscard]] boost::asio::awaitable<Result<std::uint64_t>> write(api::Visibility who,
                                                                    api::Parameters question,
                                                                    UniqueFd into);
  /// Those under way end with an error.
  void end();

 private:
  boost::asio::awaitable<Result<>> write_all(api::RecordExport* records, ExportOutput* output);

  boost::asio::any_io_executor executor_;
  const DaemonPorts* ports_;
  std::list<ExportOutput*> outputs_;
  bool is_ending_ = false;
};

}  // namespace agp::daemon_bus
