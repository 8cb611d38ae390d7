#include "daemon/api/turn_answers.h"

#include "common/base/ulid.h"
#include "daemon/api/openai/sse_format.h"
#include "daemon/api/record_feed.h"
#include "daemon/api/turn_queue.h"

#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::api {
namespace {

namespace asio = boost::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

ApiError no_language_server() {
  return {503,
          "server_error",
          "language_server_unavailable",
          "the language server is switched off",
          "set language_server.mode, then restart the service",
          ""};
}

ApiError stopping() {
  return {503,
          "server_error",
          "service_stopping",
          "the service is being stopped, and the turn with it",
          "ask again once it runs",
          ""};
}

ApiError too_many() {
  return {429,
          "rate_limit_error",
          "too_many_turns",
          "too many turns are under way at the same time",
          "wait for one of them to end, then try again",
          ""};
}

ApiError conversation_busy() {
  return {409,
          "invalid_request_error",
          "conversation_busy",
          "the model still answers in this conversation",
          "wait for its answer, then continue from that",
          "previous_response_id"};
}

std::int64_t seconds(usage::Micros time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// What is refused for the moment only. The official clients then ask again by themselves.
Response refusal(const ApiError& error) {
  auto response = error_response(error, true);
  if (error.status == 429 || error.status == 409) {
    response.headers.emplace_back("Retry-After", "5");
  }
  return response;
}

}  // namespace

/// One turn and the one who waits for it.
struct TurnAnswers::Exchange final : TurnListener {
  Exchange(asio::io_context* io, HttpConnection* c, TurnJob j, AnswerManner m, std::size_t limit)
      : connection(c),
        job(std::move(j)),
        manner(m),
        queue(limit),
        wake(std::make_shared<asio::steady_timer>(*io)),
        given_up(*io) {}

  void on_event(const openai::TurnEvent& event) override {
    queue.push(event);
    if (queue.has_overflown()) {
      connection->close();  // what is being sent ends, too
    }
    wake->cancel();
  }
  // The turn is cancelled; its coroutine ends once the language server knows.
  void give_up() {
    is_given_up = true;
    given_up.cancel();
  }
  [[nodiscard]] bool is_reader_there() const { return connection->socket->is_open(); }

  HttpConnection* connection;
  TurnJob job;
  AnswerManner manner;
  TurnQueue queue;
  std::shared_ptr<asio::steady_timer> wake;
  asio::steady_timer given_up;
  bool is_given_up = false;
  bool is_head_sent = false;
  bool keeps_alive = false;  // what becomes of the connection
  usage::Micros started_at{};
  std::string cascade_id;
  std::optional<TurnAnswer> answer;    // from the start of the turn
  std::optional<TurnOutcome> outcome;  // no event comes after it
};

/// A turn's place among those under way, and its conversation's, for as long as it lives.
class TurnAnswers::Place {
 public:
  Place(TurnAnswers* owner, Exchange* exchange) : owner_(owner), exchange_(exchange) {
    owner_->open_.push_back(exchange_);
    exchange_->connection->wake = exchange_->wake.get();
    if (!exchange_->cascade_id.empty()) {
      owner_->running_.insert(exchange_->cascade_id);
    }
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place(Place&&) = delete;
  Place& operator=(Place&&) = delete;
  ~Place() {
    owner_->open_.remove(exchange_);
    owner_->running_.erase(exchange_->cascade_id);
    exchange_->connection->wake = nullptr;
    owner_->tell_if_ended();
  }

 private:
  TurnAnswers* owner_;
  Exchange* exchange_;
};

std::shared_ptr<TurnAnswers> TurnAnswers::create(Ports ports, TurnLimits limits) {
  return std::make_shared<TurnAnswers>(std::move(ports), limits);
}

TurnAnswers::TurnAnswers(Ports ports, TurnLimits limits)
    : ports_(std::move(ports)),
      limits_(limits),
      ids_(ports_.seal),
      meter_(TurnMeter::create({ports_.io, ports_.pool, ports_.ledger})) {}

TurnAnswers::~TurnAnswers() = default;

void TurnAnswers::drain(std::function<void()> when_ended) {
  is_draining_ = true;
  when_ended_ = std::move(when_ended);
  tell_if_ended();
}

void TurnAnswers::stop(std::function<void()> when_ended) {
  is_draining_ = true;
  is_stopped_ = true;
  when_ended_ = std::move(when_ended);
  for (auto* exchange : open_) {
    exchange->wake->cancel();
  }
  tell_if_ended();
}

void TurnAnswers::tell_if_ended() {
  if (is_draining_ && open_.empty()) {
    if (const auto tell = std::exchange(when_ended_, nullptr)) {
      tell();
    }
  }
}

std::optional<ApiError> TurnAnswers::refuse(const TurnJob& job,
                                            const std::string& cascade_id,
                                            bool is_known) const {
  if (is_draining_) {
    return stopping();
  }
  if (ports_.turns == nullptr) {
    return no_language_server();
  }
  if (!is_known) {
    return openai::unknown_previous_response(job.previous_response_id());
  }
  if (running_.contains(cascade_id)) {
    return conversation_busy();
  }
  return open_.size() >= limits_.open ? std::optional(too_many()) : std::nullopt;
}

asio::awaitable<bool> TurnAnswers::send(std::shared_ptr<TurnAnswers> self,
                                        HttpConnection* connection,
                                        TurnJob job,
                                        AnswerManner manner) {
  auto* const raw = self.get();
  const auto previous = job.previous_response_id();
  const auto cascade_id = previous.empty() ? std::optional(std::string())
                                           : raw->ids_.cascade_of(previous, connection->uid);
  if (const auto error = raw->refuse(job, cascade_id.value_or(""), cascade_id.has_value())) {
    auto response = refusal(*error);
    co_return co_await send_response(raw, connection, std::move(response), manner);
  }
  auto request = std::move(job.turn);
  request.cascade_id = *cascade_id;
  Exchange exchange(raw->ports_.io, connection, std::move(job), manner, raw->limits_.waiting_bytes);
  exchange.cascade_id = *cascade_id;
  exchange.started_at = raw->ports_.now();
  const Place place(raw, &exchange);
  close_when_left(connection->socket, exchange.wake);
  using namespace asio::experimental::awaitable_operators;
  auto turn = drive(raw->ports_.turns, std::move(request), &exchange);
  auto answering = answer(raw, &exchange);
  co_await (std::move(turn) && std::move(answering));
  co_return exchange.keeps_alive;
}

asio::awaitable<void> TurnAnswers::drive(TurnPort* port, TurnRequest request, Exchange* exchange) {
  using namespace asio::experimental::awaitable_operators;
  auto turn = port->run(std::move(request), exchange);
  auto giving_up = give_up_wait(exchange);
  auto first = co_await (std::move(turn) || std::move(giving_up));
  auto* outcome = std::get_if<TurnOutcome>(&first);
  exchange->outcome = outcome == nullptr ? TurnOutcome{stopping(), {}, 0} : std::move(*outcome);
  exchange->wake->cancel();
}

asio::awaitable<void> TurnAnswers::give_up_wait(Exchange* exchange) {
  if (!exchange->is_given_up) {
    exchange->given_up.expires_at(asio::steady_timer::time_point::max());
    (void)co_await exchange->given_up.async_wait(kTuple);  // there is no other reason to go on
  }
}

// Ends when the answer was sent, or when there is nobody left to send it to.
asio::awaitable<void> TurnAnswers::answer(TurnAnswers* self, Exchange* exchange) {
  while (exchange->is_reader_there()) {
    auto out = self->feed(exchange);
    if (exchange->outcome || (exchange->answer && exchange->answer->is_over())) {
      exchange->give_up();  // it has ended, or what it says now is of no use
      co_await end(self, exchange, std::move(out));
      co_return;
    }
    if (self->is_stopped_) {
      exchange->give_up();
    }
    if (out.empty()) {
      co_await wait(self, exchange);
      continue;
    }
    const bool sent = co_await send_part(self, exchange, std::move(out));
    if (!sent) {
      break;
    }
  }
  exchange->give_up();
  exchange->connection->close();
}

// Until something has happened. A stream that is quiet for long gets a comment.
asio::awaitable<void> TurnAnswers::wait(TurnAnswers* self, Exchange* exchange) {
  const bool is_stream = exchange->job.wants_stream();
  if (is_stream) {
    exchange->wake->expires_after(self->limits_.keep_alive);
  } else {
    exchange->wake->expires_at(asio::steady_timer::time_point::max());
  }
  const auto [cancelled] = co_await exchange->wake->async_wait(kTuple);
  if (is_stream && !cancelled && exchange->is_reader_there()) {
    auto comment = keep_alive_comment();
    (void)co_await send_part(self, exchange, std::move(comment));  // the caller looks
  }
}

void TurnAnswers::begin(Exchange* exchange, const openai::TurnStarted& event) {
  exchange->cascade_id = event.cascade_id;
  if (!event.cascade_id.empty()) {
    running_.insert(event.cascade_id);
  }
  const auto unique = make_ulid(std::chrono::system_clock::now());
  const bool is_chat = std::holds_alternative<openai::ChatRequest>(exchange->job.request);
  auto id = is_chat ? "chatcmpl-" + unique
                    : ids_.make(unique, event.cascade_id, exchange->connection->uid);
  exchange->answer.emplace(exchange->job, std::move(id), seconds(exchange->started_at));
}

std::string TurnAnswers::feed(Exchange* exchange) {
  std::string out;
  for (const auto& event : exchange->queue.take()) {
    if (!exchange->answer) {
      const auto* started = std::get_if<openai::TurnStarted>(&event);
      begin(exchange, started == nullptr ? openai::TurnStarted{} : *started);
    }
    out += exchange->answer->feed(event);
  }
  return out;
}

openai::TurnEvent TurnAnswers::last_event(Exchange* exchange,
                                          std::optional<ledger::Sums> usage) const {
  const auto& end = exchange->outcome->end;
  if (const auto* reason = std::get_if<openai::FinishReason>(&end)) {
    return openai::TurnFinished{*reason, std::move(usage)};
  }
  const auto& error = std::get<ApiError>(end);
  if (is_stopped_) {
    return openai::TurnFailed{stopping(), std::move(usage)};
  }
  const auto previous = exchange->job.previous_response_id();
  if (error.code == kConversationNotFound && !previous.empty()) {
    return openai::TurnFailed{openai::unknown_previous_response(previous), std::move(usage)};
  }
  return openai::TurnFailed{error, std::move(usage)};
}

// What was measured, and the end of the answer. @param out  what is to be sent before.
asio::awaitable<void> TurnAnswers::end(TurnAnswers* self, Exchange* exchange, std::string out) {
  const bool is_stream = exchange->job.wants_stream();
  auto* const connection = exchange->connection;
  if (exchange->outcome && !(exchange->answer && exchange->answer->is_over())) {
    if (is_stream && !out.empty()) {
      auto part = std::exchange(out, {});
      const bool sent = co_await send_part(self, exchange, std::move(part));
      if (!sent) {
        co_return;
      }
    }
    TurnSpan span{exchange->cascade_id, exchange->started_at,
                  std::move(exchange->outcome->response_ids), exchange->outcome->answers};
    const bool is_failure = std::holds_alternative<ApiError>(exchange->outcome->end);
    std::optional<ledger::Sums> usage;
    if (exchange->answer && !(is_failure && !is_stream)) {
      auto meter = self->meter_;
      // Somebody waits for the end of the process.
      const auto limit = self->is_stopped_ ? self->limits_.settle / 4 : self->limits_.settle;
      usage = co_await TurnMeter::measure(std::move(meter), std::move(span), limit);
    }
    const auto last = self->last_event(exchange, std::move(usage));
    const auto* failed = std::get_if<openai::TurnFailed>(&last);
    if (failed != nullptr && !exchange->is_head_sent) {
      auto response = error_response(failed->error, true);
      if (exchange->answer) {
        // It has cost something. The official clients would otherwise ask again by themselves.
        response.headers.emplace_back("X-Should-Retry", "false");
      }
      exchange->keeps_alive =
          co_await send_response(self, connection, std::move(response), exchange->manner);
      co_return;
    }
    if (!exchange->answer) {
      self->begin(exchange, openai::TurnStarted{});
    }
    out += exchange->answer->feed(last);
  }
  if (!is_stream) {
    auto response = exchange->answer->take_whole();
    exchange->keeps_alive =
        co_await send_response(self, connection, std::move(response), exchange->manner);
    co_return;
  }
  bool sent = co_await send_part(self, exchange, std::move(out));
  if (sent && exchange->manner.chunked) {
    std::string last_chunk = kLastChunk;
    sent = co_await HttpConnection::send(connection, std::move(last_chunk), self->limits_.stall);
  }
  exchange->keeps_alive = sent && exchange->manner.chunked && exchange->manner.keep_alive;
}

asio::awaitable<bool> TurnAnswers::send_part(TurnAnswers* self,
                                             Exchange* exchange,
                                             std::string out) {
  const auto& manner = exchange->manner;
  std::string octets;
  if (!std::exchange(exchange->is_head_sent, true)) {
    Response response;
    response.content_type = openai::kEventStreamType;
    octets = to_open_head(response, manner.keep_alive && manner.chunked, manner.chunked);
  }
  octets += manner.chunked ? to_chunk(out) : out;
  auto* const connection = exchange->connection;
  const bool sent =
      co_await HttpConnection::send(connection, std::move(octets), self->limits_.stall);
  connection->timer.cancel();
  co_return sent;
}

asio::awaitable<bool> TurnAnswers::send_response(TurnAnswers* self,
                                                 HttpConnection* connection,
                                                 Response response,
                                                 AnswerManner manner) {
  auto octets = to_octets(response, manner.keep_alive, manner.head_only);
  const bool sent =
      co_await HttpConnection::send(connection, std::move(octets), self->limits_.stall);
  co_return sent&& manner.keep_alive;
}

}  // namespace agp::api
