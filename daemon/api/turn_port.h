#pragma once

#include "daemon/api/turn.h"

#include <boost/asio/awaitable.hpp>

namespace agp::api {

/// Who hears what a turn says while it goes on.
class TurnListener {
 public:
  virtual ~TurnListener() = default;
  /// TurnStarted first, then texts. Called on the control worker, never after run() has ended. Must
  /// not wait.
  virtual void on_event(const openai::TurnEvent& event) = 0;
};

/// Code of the error of a turn whose conversation the language server does not have.
inline constexpr const char* kConversationNotFound = "conversation_not_found";

/// Who runs turns. Called and answered on the control worker.
class TurnPort {
 public:
  TurnPort() = default;
  TurnPort(const TurnPort&) = delete;
  TurnPort& operator=(const TurnPort&) = delete;
  TurnPort(TurnPort&&) = delete;
  TurnPort& operator=(TurnPort&&) = delete;
  virtual ~TurnPort() = default;

  /// Ends when the model has answered, or with the reason why it did not, which is shown to the
  /// client. Cancelling the coroutine (terminal) stops the turn in the language server too.
  /// @param listener  outlives the coroutine.
  [[nodiscard]] virtual boost::asio::awaitable<TurnOutcome> run(TurnRequest request,
                                                                TurnListener* listener) = 0;
};

}  // namespace agp::api
