#include "daemon/ls/ls_driver.h"

#include "common/log/log.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"
#include "daemon/ls/turn_report.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// What a language server asks of a model by itself. Models of Google refuse a higher number, and a
/// limit above what is written anyway limits nothing.
constexpr std::uint64_t kUsualOutputTokens = 65'536;

std::string with_cascade(const std::string& cascade_id) {
  return json::serialize(json::object{{"cascadeId", cascade_id}});
}

/// The canonical message. The whole configuration goes with each message: nothing is sure to be
/// inherited from the one before. Tools stay off: nobody is there to confirm what they do.
std::string user_message(const std::string& cascade_id,
                         const std::string& model,
                         const TurnRequest& request) {
  // There is no place for instructions of the caller's in the protocol but the text itself.
  const std::string text =
      request.instructions.empty() ? request.input : request.instructions + "\n\n" + request.input;
  json::object planner{{"conversational", json::object{}},
                       {"requestedModel", json::object{{"model", model}}}};
  if (request.max_output_tokens && *request.max_output_tokens < kUsualOutputTokens) {
    planner["maxOutputTokens"] = *request.max_output_tokens;
  }
  return json::serialize(json::object{
      {"cascadeId", cascade_id},
      {"items", json::array{json::object{{"text", text}}}},
      {"cascadeConfig", json::object{{"plannerConfig", planner}}},
  });
}

bool is_at_rest(const std::string& run_status) {
  return run_status == "IDLE" || run_status.empty();
}

Error given_up() {
  return {Errc::canceled, "the caller gave up"};
}

asio::awaitable<bool> is_given_up() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

/// @return false when the caller gave up.
asio::awaitable<bool> wait_for(std::chrono::steady_clock::duration time) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, time);
  auto [cancelled] = co_await timer.async_wait(kTuple);
  co_return !cancelled;
}

/// A language server that ends, is restarted or killed takes its turns with it.
Error in_the_middle(const Error& error) {
  if (error.code == Errc::unreachable) {
    return {error.code,
            "the language server was gone before the answer was whole: " + error.context};
  }
  return {error.code, "the answer could not be followed to its end: " + error.context};
}

Error with_context(const std::string& what, const Error& error) {
  return {error.code, what + ": " + error.context};
}

}  // namespace

struct LsDriver::Turn {
  Turn(std::shared_ptr<const Endpoint> where,
       TurnRequest what,
       TurnSink* told,
       ConversationWatcher* watcher)
      : endpoint(std::move(where)),
        client(endpoint),
        request(std::move(what)),
        cascade_id(request.cascade_id),
        sink(told),
        report(watcher, endpoint->instance) {}

  void tell(TurnFollower* follower) {
    report.see(follower->result().trajectory_id, follower->responses());
    while (auto event = follower->next_event()) {
      if (sink != nullptr) {
        sink->on_event(*event);
      }
    }
  }

  std::shared_ptr<const Endpoint> endpoint;
  ConnectClient client;
  TurnRequest request;
  std::string cascade_id;
  TurnSink* sink;
  TurnOrder::Place place;
  std::size_t baseline = 0;
  bool is_sent = false;
  TurnReport report;  // ends first, while the conversation is still this turn's
};

LsDriver::LsDriver(const EndpointSource* source) : LsDriver(source, Options{}) {}
LsDriver::LsDriver(const EndpointSource* source, Options options)
    : source_(source), options_(options) {}

asio::awaitable<Result<TurnResult>> LsDriver::run_turn(TurnRequest request, TurnSink* sink) {
  auto endpoint = source_->endpoint();
  if (!endpoint) {
    co_return Error{Errc::not_ready, source_->unavailable_reason()};
  }
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  // Being cancelled is an outcome here: the language server has to be told.
  co_await asio::this_coro::throw_if_cancelled(false);
  Turn turn(std::move(endpoint), std::move(request), sink, options_.watcher);
  auto result = co_await drive(&turn);
  if (co_await is_given_up()) {
    co_await asio::this_coro::reset_cancellation_state();
    result = given_up();
  }
  // A turn that was given up must not go on costing tokens behind everyone's back. One that the
  // language server ended itself has nothing to stop; stopping is idempotent.
  if (!result && turn.is_sent && result.error().code != Errc::model_failed) {
    co_await give_up(&turn);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return result;
}

asio::awaitable<Result<TurnResult>> LsDriver::drive(Turn* turn) {
  const bool is_new = turn->cascade_id.empty();
  if (!is_new) {
    auto entered = co_await enter(turn);  // first of all: the order is that of the requests
    if (!entered) {
      co_return entered.error();
    }
  }
  auto model = co_await resolve(&turn->client, turn->request.model);
  if (!model) {
    co_return model.error();
  }
  Result<> begun;
  if (is_new) {
    begun = co_await start(turn);
  } else {
    begun = co_await take_up(turn);
  }
  if (!begun) {
    co_return begun.error();
  }
  turn->report.begin(turn->cascade_id);
  LiveFeed feed(turn->endpoint, &turn->client, &choice_, turn->cascade_id, turn->baseline,
                options_.feed);
  co_await feed.open();
  if (co_await is_given_up()) {
    co_return given_up();
  }
  std::string message = user_message(turn->cascade_id, model->enum_name, turn->request);
  turn->is_sent = true;
  auto sent =
      co_await turn->client.call("SendUserCascadeMessage", std::move(message), options_.send_limit);
  if (co_await is_given_up()) {
    co_return given_up();
  }
  if (!sent) {
    co_return with_context("the message was not accepted", sent.error());
  }
  if (turn->sink != nullptr) {
    turn->sink->on_started(turn->cascade_id, slug(model->label));
  }
  TurnFollower follower(turn->baseline, options_.turn, std::chrono::steady_clock::now());
  auto followed = co_await follow(turn, &feed, &follower);
  if (!followed) {
    co_return followed.error();
  }
  TurnResult result = follower.result();
  result.cascade_id = turn->cascade_id;
  if (result.model.empty()) {
    result.model = slug(model->label);
  }
  co_return result;
}

asio::awaitable<Result<>> LsDriver::follow(Turn* turn, LiveFeed* feed, TurnFollower* follower) {
  while (const auto deadline = follower->deadline()) {
    auto look = co_await feed->next(*deadline);
    if (co_await is_given_up()) {
      co_return given_up();
    }
    const auto now = std::chrono::steady_clock::now();
    if (!look) {
      follower->fail(in_the_middle(look.error()));
    } else if (*look == LiveFeed::Look::nothing) {
      follower->on_time(now);
    } else {
      follower->observe(feed->state(), *look == LiveFeed::Look::news, now);
    }
    turn->tell(follower);
  }
  if (!follower->is_done()) {
    co_return follower->error();
  }
  feed->on_worked();
  co_return Result<>();
}

asio::awaitable<Result<>> LsDriver::start(Turn* turn) {
  std::string body = R"({"source":"CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT"})";
  auto started = co_await turn->client.call("StartCascade", std::move(body), options_.call_limit);
  if (!started) {
    co_return with_context("no conversation could be started", started.error());
  }
  boost::system::error_code ec;
  const json::value root = json::parse(*started, ec);
  turn->cascade_id =
      ec || !root.is_object() ? std::string() : text_at(root.get_object(), "cascadeId");
  if (turn->cascade_id.empty()) {
    co_return Error{Errc::bad_answer, "StartCascade"};
  }
  co_return co_await enter(turn);
}

asio::awaitable<Result<>> LsDriver::enter(Turn* turn) {
  auto place = co_await order_.enter(turn->cascade_id);
  if (!place) {
    co_return place.error();
  }
  turn->place = std::move(*place);
  co_return Result<>();
}

/// The conversation that was named, when it rests.
asio::awaitable<Result<>> LsDriver::take_up(Turn* turn) {
  const std::string body = with_cascade(turn->cascade_id);
  // After a restart of the language server the conversation is on disk only; that this fails
  // for one in memory is fine, the next call says whether the conversation exists.
  auto loaded = co_await turn->client.call("LoadTrajectory", body, options_.call_limit);
  (void)loaded;
  const auto until = std::chrono::steady_clock::now() + options_.busy_limit;
  for (;;) {
    auto answer = co_await turn->client.call("GetCascadeTrajectory", body, options_.call_limit);
    if (!answer) {
      co_return with_context("the conversation cannot be continued", answer.error());
    }
    auto standing = read_standing(*answer);
    if (!standing) {
      co_return standing.error();
    }
    if (is_at_rest(standing->run_status)) {
      turn->baseline = standing->steps;
      co_return Result<>();
    }
    // A turn that somebody else began, or this program before it was restarted.
    if (std::chrono::steady_clock::now() >= until) {
      co_return Error{Errc::busy, "the conversation is busy with an earlier message"};
    }
    const bool goes_on = co_await wait_for(options_.feed.poll);
    if (!goes_on) {
      co_return given_up();
    }
  }
}

/// Stops the turn and waits, for a moment, until it has stopped: what it was answered with until
/// then was paid for.
asio::awaitable<void> LsDriver::give_up(Turn* turn) {
  const std::string body = with_cascade(turn->cascade_id);
  auto done = co_await turn->client.call("CancelCascadeInvocation", body, options_.cancel_limit);
  if (!done) {
    if (done.error().code != Errc::unreachable) {  // else it is gone, and the turn with it
      log::warning("a turn that was given up could not be stopped, it may go on",
                   {{"ERROR", done.error()}});
    }
    co_return;
  }
  const auto start = std::chrono::steady_clock::now();
  TrajectoryReader reader(turn->baseline);
  TurnFollower follower(turn->baseline, options_.turn, start);
  while (std::chrono::steady_clock::now() < start + options_.cancel_limit) {
    auto answer = co_await turn->client.call("GetCascadeTrajectory", body, options_.cancel_limit);
    if (!answer || !reader.feed(*answer)) {
      co_return;
    }
    follower.observe(reader.state(), reader.is_news(), std::chrono::steady_clock::now());
    turn->report.see(follower.result().trajectory_id, follower.responses());
    if (is_at_rest(reader.state().run_status)) {
      co_return;
    }
    const bool goes_on = co_await wait_for(options_.feed.poll);
    if (!goes_on) {
      co_return;
    }
  }
}

asio::awaitable<Result<Model>> LsDriver::resolve(ConnectClient* client, std::string name) {
  auto known = co_await catalogue(client);
  if (known) {
    co_return known->resolve(name);
  }
  if (name.starts_with("MODEL_")) {
    co_return Model{name, name, false, false};  // needs no catalogue
  }
  co_return known.error();
}

asio::awaitable<Result<ModelCatalogue>> LsDriver::catalogue(ConnectClient* client) {
  const std::string body = "{}";
  auto status = co_await client->call("GetUserStatus", body, options_.call_limit);
  if (status) {
    auto parsed = ModelCatalogue::parse(*status);
    if (parsed && !parsed->models().empty()) {
      co_return parsed;
    }
  }
  // GetUserStatus fails, or hangs, when the login has not arrived yet.
  auto data = co_await client->call("GetCascadeModelConfigData", body, options_.call_limit);
  if (!data) {
    co_return with_context("the models cannot be listed; check that the IDE is signed in",
                           status ? data.error() : status.error());
  }
  co_return ModelCatalogue::parse(*data);
}

asio::awaitable<Result<std::vector<Model>>> LsDriver::models() {
  auto endpoint = source_->endpoint();
  if (!endpoint) {
    co_return Error{Errc::not_ready, source_->unavailable_reason()};
  }
  ConnectClient client(std::move(endpoint));
  auto known = co_await catalogue(&client);
  if (!known) {
    co_return known.error();
  }
  co_return known->models();
}

}  // namespace agp::ls
