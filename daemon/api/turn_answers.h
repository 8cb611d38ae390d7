#pragma once

#include "daemon/api/http_connection.h"
#include "daemon/api/openai/response_ids.h"
#include "daemon/api/turn_answer.h"
#include "daemon/api/turn_meter.h"
#include "daemon/api/turn_port.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::api {

struct TurnLimits {
  std::size_t open = 64;                           // turns at the same time
  std::chrono::milliseconds keep_alive{15'000};    // between comments on a quiet stream
  std::chrono::milliseconds stall{60'000};         // for a reader to take anything at all
  std::chrono::milliseconds settle{2'000};         // for the records of a turn's last calls
  std::size_t waiting_bytes = 4U * 1024U * 1024U;  // that a slow reader has not taken yet
};

/// Answers that a model gives: runs the turn and sends what it says, while it says it or at its
/// end. A client that leaves cancels its turn. On the server's io_context.
class TurnAnswers : public std::enable_shared_from_this<TurnAnswers> {
 public:
  struct Ports {
    boost::asio::io_context* io = nullptr;
    boost::asio::thread_pool* pool = nullptr;
    ledger::Ledger* ledger = nullptr;
    TurnPort* turns = nullptr;  // null: there is no language server
    openai::ResponseIds::Seal seal;
    std::function<usage::Micros()> now;
  };
  static std::shared_ptr<TurnAnswers> create(Ports ports, TurnLimits limits);

  TurnAnswers(Ports ports, TurnLimits limits);
  TurnAnswers(const TurnAnswers&) = delete;
  TurnAnswers& operator=(const TurnAnswers&) = delete;
  TurnAnswers(TurnAnswers&&) = delete;
  TurnAnswers& operator=(TurnAnswers&&) = delete;
  ~TurnAnswers();

  /// False when the connection is at its end.
  static boost::asio::awaitable<bool> send(std::shared_ptr<TurnAnswers> self,
                                           HttpConnection* connection,
                                           TurnJob job,
                                           AnswerManner manner);

  /// Turns under way may end; others are refused from now on.
  /// @param when_ended  called once none is left, perhaps at once, unless stop() comes first.
  void drain(std::function<void()> when_ended);

  /// Turns under way are cancelled, and their readers told.
  /// @param when_ended  called once none is left, perhaps at once; replaces an earlier one.
  void stop(std::function<void()> when_ended);

 private:
  struct Exchange;
  class Place;

  [[nodiscard]] std::optional<ApiError> refuse(const TurnJob& job,
                                               const std::string& cascade_id,
                                               bool is_known) const;
  void tell_if_ended();
  void begin(Exchange* exchange, const openai::TurnStarted& event);
  [[nodiscard]] std::string feed(Exchange* exchange);
  [[nodiscard]] openai::TurnEvent last_event(Exchange* exchange,
                                             std::optional<ledger::Sums> usage) const;

  static boost::asio::awaitable<void> drive(TurnPort* port,
                                            TurnRequest request,
                                            Exchange* exchange);
  static boost::asio::awaitable<void> give_up_wait(Exchange* exchange);
  static boost::asio::awaitable<void> answer(TurnAnswers* self, Exchange* exchange);
  static boost::asio::awaitable<void> wait(TurnAnswers* self, Exchange* exchange);
  static boost::asio::awaitable<void> end(TurnAnswers* self, Exchange* exchange, std::string out);
  static boost::asio::awaitable<bool> send_part(TurnAnswers* self,
                                                Exchange* exchange,
                                                std::string out);
  static boost::asio::awaitable<bool> send_response(TurnAnswers* self,
                                                    HttpConnection* connection,
                                                    Response response,
                                                    AnswerManner manner);

  Ports ports_;
  TurnLimits limits_;
  openai::ResponseIds ids_;
  std::shared_ptr<TurnMeter> meter_;
  std::list<Exchange*> open_;
  std::set<std::string> running_;  // conversations with a turn under way
  bool is_draining_ = false;
  bool is_stopped_ = false;
  std::function<void()> when_ended_;
};

}  // namespace agp::api
