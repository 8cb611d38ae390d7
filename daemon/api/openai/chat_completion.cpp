#include "daemon/api/openai/chat_completion.h"

#include "daemon/api/openai/sse_format.h"
#include "daemon/api/openai/usage_block.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api::openai {

namespace json = boost::json;

std::string_view finish_word(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::max_tokens:
    case FinishReason::interrupted:
      return "length";
    case FinishReason::content_filter:
      return "content_filter";
  }
  return "stop";
}

Response render_chat_completion(const ChatHead& head, const CollectedTurn& turn) {
  if (const auto* failed = std::get_if<TurnFailed>(&turn.end)) {
    return error_response(failed->error, true);
  }
  const auto& finished = std::get<TurnFinished>(turn.end);
  json::object message{{"role", "assistant"},
                       {"content", turn.text},
                       {"refusal", nullptr},
                       {"annotations", json::array()}};
  json::object choice{{"index", 0},
                      {"message", std::move(message)},
                      {"logprobs", nullptr},
                      {"finish_reason", finish_word(finished.reason)}};
  json::object out;
  out["id"] = head.id;
  out["object"] = "chat.completion";
  out["created"] = head.created;
  out["model"] = turn.model.empty() ? head.model : turn.model;
  out["choices"] = json::array{std::move(choice)};
  if (auto usage = chat_usage(finished.usage)) {
    out["usage"] = std::move(*usage);
  }
  out["antigravity_proxy"] = measured_block(turn.cascade_id, finished.usage);
  Response response;
  response.body = json::serialize(out) + "\n";
  return response;
}

std::string ChatStream::feed(const TurnEvent& event) {
  if (!is_over_) {
    std::visit([this](const auto& one) { on(one); }, event);
  }
  return std::exchange(out_, {});
}

void ChatStream::on(const TurnStarted& event) {
  if (is_started_) {
    return;
  }
  if (!event.model.empty()) {
    head_.model = event.model;
  }
  cascade_id_ = event.cascade_id;
  start();
}

void ChatStream::on(const TextAppended& event) {
  if (!text_.append(event.text)) {
    on(TurnFailed{answer_too_large(), std::nullopt});
    return;
  }
  emit_text(text_.take_delta());
}

void ChatStream::on(const TextReplaced& event) {
  if (!text_.replace(event.text)) {
    on(TurnFailed{answer_too_large(), std::nullopt});
    return;
  }
  emit_text(text_.take_delta());
}

void ChatStream::on(const ReasoningAppended& /*event*/) {
  start();
}

void ChatStream::on(const TurnFinished& event) {
  start();
  text_.finish();
  emit_text(text_.take_delta());
  if (const auto correction = text_.take_correction(); !correction.empty()) {
    emit_text("\n\n" + correction);
  }
  emit({}, finish_word(event.reason));
  emit_usage(event.usage);
  end();
}

void ChatStream::on(const TurnFailed& event) {
  if (is_started_) {
    emit_usage(event.usage);
  }
  // The same object as in an answer that is nothing but an error.
  out_ += data_event(json::parse(error_response(event.error, true).body).as_object());
  end();
}

json::object ChatStream::chunk() const {
  return {{"id", head_.id},
          {"object", "chat.completion.chunk"},
          {"created", head_.created},
          {"model", head_.model}};
}

void ChatStream::emit(json::object delta, std::string_view finish_reason) {
  json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"logprobs", nullptr}};
  choice["finish_reason"] =
      finish_reason.empty() ? json::value(nullptr) : json::value(finish_reason);
  auto data = chunk();
  data["choices"] = json::array{std::move(choice)};
  if (head_.include_usage) {
    data["usage"] = nullptr;
  }
  out_ += data_event(data);
}

void ChatStream::emit_text(std::string_view text) {
  for (auto rest = text; !rest.empty();) {
    start();
    const auto piece = first_piece(rest, kMaxDeltaBytes);
    rest.remove_prefix(piece.size());
    emit({{"content", piece}});
  }
}

void ChatStream::emit_usage(const std::optional<ledger::Sums>& usage) {
  if (!head_.include_usage) {
    return;
  }
  auto block = chat_usage(usage);
  auto data = chunk();
  data["choices"] = json::array();
  data["usage"] = block ? json::value(std::move(*block)) : json::value(nullptr);
  data["antigravity_proxy"] = measured_block(cascade_id_, usage);
  out_ += data_event(data);
}

void ChatStream::start() {
  if (!std::exchange(is_started_, true)) {
    emit({{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}});
  }
}

void ChatStream::end() {
  out_ += kDone;
  is_over_ = true;
}

}  // namespace agp::api::openai
