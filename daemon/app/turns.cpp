#include "daemon/app/turns.h"

#include "daemon/ls/errors.h"

#include <memory>
#include <utility>
#include <variant>

#include <boost/asio/error.hpp>

namespace agp::app {
namespace {

constexpr const char* kAskStatus =
    "antigravity-proxy status says what the language server waits for";

api::openai::FinishReason finish_reason(const std::string& stop_reason) {
  using api::openai::FinishReason;
  if (stop_reason == "max_tokens") {
    return FinishReason::max_tokens;
  }
  if (stop_reason == "content_filter") {
    return FinishReason::content_filter;
  }
  return stop_reason == "incomplete" ? FinishReason::interrupted : FinishReason::stop;
}

api::ApiError server_error(unsigned status, const char* code, const Error& error) {
  return {status,     "server_error",
          code,       error.context.empty() ? error.text() : error.context,
          kAskStatus, ""};
}

}  // namespace

boost::asio::awaitable<api::TurnOutcome> Turns::run(api::TurnRequest request,
                                                    api::TurnListener* listener) {
  ls::TurnRequest wanted;
  wanted.model = std::move(request.model);
  wanted.input = std::move(request.input);
  wanted.instructions = std::move(request.instructions);
  wanted.cascade_id = std::move(request.cascade_id);
  wanted.max_output_tokens = request.max_output_tokens;
  TurnTranslator translator(listener);
  ++under_way_;
  const std::shared_ptr<void> ends(nullptr, [this](void*) { --under_way_; });
  const auto result = co_await driver_->run_turn(std::move(wanted), &translator);
  co_return translator.outcome(result);
}

void TurnTranslator::on_started(const std::string& cascade_id, const std::string& model) {
  listener_->on_event(api::openai::TurnStarted{model, cascade_id});
}

void TurnTranslator::on_event(const ls::TurnEvent& event) {
  std::visit([this](const auto& one) { on(one); }, event);
}

void TurnTranslator::on(const ls::TextGrown& event) {
  listener_->on_event(api::openai::TextAppended{event.delta});
}

void TurnTranslator::on(const ls::TextRewritten& event) {
  listener_->on_event(api::openai::TextReplaced{event.text});
}

// Every answer of the planner is a call of the model, whether it says something or wants a tool.
void TurnTranslator::on(const ls::StepChanged& event) {
  if (event.is_new && event.type == "PLANNER_RESPONSE") {
    ++answers_;
  }
}

void TurnTranslator::on(const ls::ResponseNamed& event) {
  response_ids_.push_back(event.response.response_id);
}

api::TurnOutcome TurnTranslator::outcome(const Result<ls::TurnResult>& result) {
  api::TurnOutcome out;
  out.response_ids = std::move(response_ids_);
  out.answers = answers_;
  if (result) {
    out.end = finish_reason(result->stop_reason);
  } else {
    out.end = turn_error(result.error());
  }
  return out;
}

api::ApiError turn_error(const Error& error) {
  if (error.code == ls::Errc::not_found) {
    return {404,           "invalid_request_error",    api::kConversationNotFound,
            error.context, "begin a new conversation", ""};
  }
  if (error.code == ls::Errc::unknown_model) {
    return {404,
            "invalid_request_error",
            "model_not_found",
            error.context,
            "GET /v1/models lists those there are",
            "model"};
  }
  if (error.code == ls::Errc::resource_exhausted) {
    return {429,
            "rate_limit_error",
            "quota_exhausted",
            error.context,
            "antigravity-proxy quota says when it comes back",
            ""};
  }
  if (error.code == ls::Errc::busy) {
    return {429,
            "rate_limit_error",
            "conversation_busy",
            error.context,
            "wait for its earlier answers, or begin a new conversation",
            ""};
  }
  if (error.code == ls::Errc::needs_user) {
    return {422,
            "invalid_request_error",
            "user_needed",
            error.context,
            "nobody can confirm anything here: ask for something that needs no confirmation",
            ""};
  }
  if (error.code == ls::Errc::stalled || error.code == ls::Errc::deadline_exceeded ||
      error.code == boost::asio::error::timed_out) {
    return server_error(504, "turn_timed_out", error);
  }
  if (error.code == ls::Errc::model_failed || error.code == ls::Errc::no_answer ||
      error.code == ls::Errc::bad_answer || error.code == ls::Errc::too_large) {
    return server_error(502, "model_failed", error);
  }
  return server_error(503, "language_server_unavailable", error);
}

}  // namespace agp::app
