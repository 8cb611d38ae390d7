#pragma once

#include "common/base/result.h"
#include "daemon/ls/connect_client.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/ls/models.h"
#include "daemon/ls/turn.h"
#include "daemon/ls/turn_core.h"
#include "daemon/ls/turn_sink.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Who knows which language server can be driven at the moment.
class EndpointSource {
 public:
  virtual ~EndpointSource() = default;
  /// Null while there is none.
  [[nodiscard]] virtual std::shared_ptr<const Endpoint> endpoint() const = 0;
  /// What is missing, for people, while there is none.
  [[nodiscard]] virtual std::string unavailable_reason() const = 0;
};

/// Drives turns through the language server's own API. Turns may run side by side.
class LsDriver {
 public:
  struct Options {
    std::chrono::steady_clock::duration poll = std::chrono::milliseconds(300);
    std::chrono::steady_clock::duration call_limit = std::chrono::seconds(10);
    std::chrono::steady_clock::duration send_limit = std::chrono::seconds(30);
    std::chrono::steady_clock::duration cancel_limit = std::chrono::seconds(2);
    TurnCore::Limits turn;
    ConversationWatcher* watcher = nullptr;  // outlives every turn; may be null
  };

  /// @param source  outlives the driver and every turn.
  explicit LsDriver(const EndpointSource* source);
  LsDriver(const EndpointSource* source, Options options);

  /// One turn, from question to answer. Cancelling the coroutine (terminal cancellation, as by
  /// awaitable_operators `||`) stops the turn in the language server too.
  /// @param sink  is told while the turn goes on; outlives it; may be null.
  /// @return Errc::not_ready, unknown_model, model_failed, needs_user, no_answer, canceled, or the
  ///         code of the call that failed. Contexts are for the person who asked.
  [[nodiscard]] boost::asio::awaitable<Result<TurnResult>> run_turn(TurnRequest request,
                                                                    TurnSink* sink = nullptr);

  /// The models the language server offers now.
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<Model>>> models();

 private:
  class Watch;

  boost::asio::awaitable<Result<TurnResult>> drive(ConnectClient* client,
                                                   TurnRequest request,
                                                   std::string* cascade_id,
                                                   Watch* watch,
                                                   TurnSink* sink);
  boost::asio::awaitable<Result<ModelCatalogue>> catalogue(ConnectClient* client);
  boost::asio::awaitable<Result<Model>> resolve(ConnectClient* client, std::string name);
  boost::asio::awaitable<Result<std::size_t>> begin(ConnectClient* client, std::string* cascade_id);
  boost::asio::awaitable<void> cancel(ConnectClient* client, std::string cascade_id);

  const EndpointSource* source_;
  Options options_;
};

}  // namespace agp::ls
