#pragma once

#include "common/base/result.h"
#include "daemon/ls/connect_client.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/ls/live_feed.h"
#include "daemon/ls/models.h"
#include "daemon/ls/source_choice.h"
#include "daemon/ls/turn.h"
#include "daemon/ls/turn_follower.h"
#include "daemon/ls/turn_order.h"
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

/// Drives turns through the language server's own API. Turns of different conversations run side by
/// side; those of one conversation run one after the other, in the order they came. For one thread.
class LsDriver {
 public:
  struct Options {
    std::chrono::steady_clock::duration call_limit = std::chrono::seconds(10);
    std::chrono::steady_clock::duration send_limit = std::chrono::seconds(30);
    std::chrono::steady_clock::duration busy_limit = std::chrono::seconds(60);
    std::chrono::steady_clock::duration cancel_limit = std::chrono::seconds(2);
    LiveFeed::Options feed;
    TurnFollower::Limits turn;
    ConversationWatcher* watcher = nullptr;  // outlives every turn; may be null
  };

  /// @param source  outlives the driver and every turn.
  explicit LsDriver(const EndpointSource* source);
  LsDriver(const EndpointSource* source, Options options);

  /// One turn, from question to answer. With TurnRequest::cascade_id it continues that
  /// conversation, after the turns that are under way there. Cancelling the coroutine (terminal
  /// cancellation, as by awaitable_operators `||`) stops the turn in the language server too; it
  /// ends when that has been done, and what was spent until then has been told to the watcher.
  /// @param sink  is told while the turn goes on; outlives it; may be null.
  /// @return Errc::not_ready, unknown_model, model_failed, needs_user, no_answer, stalled,
  /// canceled,
  ///         or the code of the call that failed. Contexts are for the person who asked.
  [[nodiscard]] boost::asio::awaitable<Result<TurnResult>> run_turn(TurnRequest request,
                                                                    TurnSink* sink = nullptr);

  /// The models the language server offers now.
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<Model>>> models();

 private:
  struct Turn;

  boost::asio::awaitable<Result<TurnResult>> drive(Turn* turn);
  boost::asio::awaitable<Result<>> start(Turn* turn);
  boost::asio::awaitable<Result<>> enter(Turn* turn);
  boost::asio::awaitable<Result<>> take_up(Turn* turn);
  boost::asio::awaitable<Result<>> follow(Turn* turn, LiveFeed* feed, TurnFollower* follower);
  boost::asio::awaitable<void> give_up(Turn* turn);
  boost::asio::awaitable<Result<ModelCatalogue>> catalogue(ConnectClient* client);
  boost::asio::awaitable<Result<Model>> resolve(ConnectClient* client, std::string name);

  const EndpointSource* source_;
  Options options_;
  SourceChoice choice_;
  TurnOrder order_;
};

}  // namespace agp::ls
