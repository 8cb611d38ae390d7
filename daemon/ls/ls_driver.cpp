#include "daemon/ls/ls_driver.h"

#include "common/log/log.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

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
  const json::object planner{{"conversational", json::object{}},
                             {"requestedModel", json::object{{"model", model}}}};
  return json::serialize(json::object{
      {"cascadeId", cascade_id},
      {"items", json::array{json::object{{"text", text}}}},
      {"cascadeConfig", json::object{{"plannerConfig", planner}}},
  });
}

Error with_context(const std::string& what, const Error& error) {
  return {error.code, what + ": " + error.context};
}

}  // namespace

/// Tells the watcher about one turn, and in any case that it is over.
class LsDriver::Watch {
 public:
  Watch(ConversationWatcher* watcher, std::string instance)
      : watcher_(watcher), instance_(std::move(instance)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (is_running_) {
      watcher_->on_running(instance_, cascade_id_, false);
    }
  }

  /// The conversation has its id and the message is about to be sent.
  void begin(const std::string& cascade_id) {
    cascade_id_ = cascade_id;
    if (watcher_ != nullptr) {
      watcher_->on_conversation(instance_, cascade_id_);
      watcher_->on_running(instance_, cascade_id_, true);
      is_running_ = true;
    }
  }
  void see(const TurnCore& core) {
    const std::string& id = core.result().trajectory_id;
    if (watcher_ != nullptr && !id.empty() && id != trajectory_id_) {
      trajectory_id_ = id;
      watcher_->on_trajectory(instance_, cascade_id_, id);
    }
  }
  void end(const TurnCore& core) {
    for (const NamedResponse& each : core.responses()) {
      if (watcher_ != nullptr) {
        watcher_->on_response(cascade_id_, trajectory_id_, each);
      }
    }
  }

 private:
  ConversationWatcher* watcher_;
  std::string instance_;
  std::string cascade_id_;
  std::string trajectory_id_;
  bool is_running_ = false;
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
  Watch watch(options_.watcher, endpoint->instance);
  ConnectClient client(std::move(endpoint));
  std::string cascade_id = request.cascade_id;
  auto result = co_await drive(&client, std::move(request), &cascade_id, &watch, sink);
  const auto state = co_await asio::this_coro::cancellation_state;
  const bool is_cancelled = state.cancelled() != asio::cancellation_type::none;
  if (is_cancelled) {
    co_await asio::this_coro::reset_cancellation_state();
    result = Error{Errc::canceled, "the caller gave up"};
  }
  // A turn that was given up must not go on costing tokens behind everyone's back. One that the
  // language server ended itself has nothing to stop; stopping is idempotent.
  if (!result && !cascade_id.empty() && result.error().code != Errc::model_failed) {
    co_await cancel(&client, cascade_id);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_return result;
}

asio::awaitable<Result<TurnResult>> LsDriver::drive(ConnectClient* client,
                                                    TurnRequest request,
                                                    std::string* cascade_id,
                                                    Watch* watch,
                                                    TurnSink* sink) {
  auto model = co_await resolve(client, request.model);
  if (!model) {
    co_return model.error();
  }
  auto baseline = co_await begin(client, cascade_id);
  if (!baseline) {
    co_return baseline.error();
  }
  watch->begin(*cascade_id);
  std::string message = user_message(*cascade_id, model->enum_name, request);
  auto sent =
      co_await client->call("SendUserCascadeMessage", std::move(message), options_.send_limit);
  if (!sent) {
    co_return with_context("the message was not accepted", sent.error());
  }
  if (sink != nullptr) {
    sink->on_started(*cascade_id, slug(model->label));
  }
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  TurnCore core(*baseline, options_.turn, std::chrono::steady_clock::now());
  const std::string question = with_cascade(*cascade_id);
  for (;;) {
    timer.expires_after(options_.poll);
    auto [cancelled] = co_await timer.async_wait(kTuple);
    if (cancelled) {
      co_return Error{Errc::canceled, "the caller gave up"};
    }
    auto answer = co_await client->call("GetCascadeTrajectory", question, options_.call_limit);
    if (!answer && answer.error().code == Errc::canceled) {
      co_return answer.error();
    }
    const auto now = std::chrono::steady_clock::now();
    const auto verdict =
        answer ? core.feed(*answer, now) : core.on_poll_failed(answer.error(), now);
    watch->see(core);
    while (auto event = core.next_event()) {
      if (sink != nullptr) {
        sink->on_event(*event);
      }
    }
    if (verdict != TurnCore::Verdict::again) {
      watch->end(core);
    }
    if (verdict == TurnCore::Verdict::failed) {
      co_return core.error();
    }
    if (verdict == TurnCore::Verdict::done) {
      TurnResult result = core.result();
      result.cascade_id = *cascade_id;
      if (result.model.empty()) {
        result.model = slug(model->label);
      }
      co_return result;
    }
  }
}

/// Starts a conversation, or takes up the one that was named. @return its steps so far.
asio::awaitable<Result<std::size_t>> LsDriver::begin(ConnectClient* client,
                                                     std::string* cascade_id) {
  if (cascade_id->empty()) {
    std::string body = R"({"source":"CORTEX_TRAJECTORY_SOURCE_CASCADE_CLIENT"})";
    auto started = co_await client->call("StartCascade", std::move(body), options_.call_limit);
    if (!started) {
      co_return with_context("no conversation could be started", started.error());
    }
    boost::system::error_code ec;
    const json::value root = json::parse(*started, ec);
    *cascade_id = ec || !root.is_object() ? std::string() : text_at(root.get_object(), "cascadeId");
    if (cascade_id->empty()) {
      co_return Error{Errc::bad_answer, "StartCascade"};
    }
    co_return std::size_t{0};
  }
  const std::string body = with_cascade(*cascade_id);
  // After a restart of the language server the conversation is on disk only; that this fails
  // for one in memory is fine, the next call says whether the conversation exists.
  auto loaded = co_await client->call("LoadTrajectory", body, options_.call_limit);
  (void)loaded;
  auto trajectory = co_await client->call("GetCascadeTrajectory", body, options_.call_limit);
  if (!trajectory) {
    co_return with_context("the conversation cannot be continued", trajectory.error());
  }
  co_return step_count(*trajectory);
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

asio::awaitable<void> LsDriver::cancel(ConnectClient* client, std::string cascade_id) {
  std::string body = with_cascade(cascade_id);
  auto done =
      co_await client->call("CancelCascadeInvocation", std::move(body), options_.cancel_limit);
  if (!done) {
    log::warning("a turn that was given up could not be stopped, it may go on",
                 {{"ERROR", done.error()}});
  }
}

}  // namespace agp::ls
