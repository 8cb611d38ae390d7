#pragma once

#include "common/base/result.h"
#include "daemon/api/turn.h"

#include <boost/asio/awaitable.hpp>

namespace agp::api {

/// Who runs turns. Called and answered on the control worker.
class TurnPort {
 public:
  TurnPort() = default;
  TurnPort(const TurnPort&) = delete;
  TurnPort& operator=(const TurnPort&) = delete;
  TurnPort(TurnPort&&) = delete;
  TurnPort& operator=(TurnPort&&) = delete;
  virtual ~TurnPort() = default;

  /// Ends when the model has answered, or with the reason why it did not; `Error::context` is
  /// shown to the client and says what to do.
  [[nodiscard]] virtual boost::asio::awaitable<Result<TurnResult>> run(TurnRequest request) = 0;
};

}  // namespace agp::api
