#include "daemon/api/openai/response_stream.h"

#include "daemon/api/openai/sse_format.h"

#include <utility>

#include <boost/json/array.hpp>

namespace agp::api::openai {

namespace json = boost::json;

ResponseStream::ResponseStream(ResponseHead head, std::size_t max_answer_bytes)
    : head_(std::move(head)),
      max_answer_bytes_(max_answer_bytes),
      text_(max_answer_bytes),
      reasoning_(max_answer_bytes) {
  state_.status = "in_progress";
}

std::string ResponseStream::feed(const TurnEvent& event) {
  if (!is_over_) {
    std::visit([this](const auto& one) { on(one); }, event);
  }
  return std::exchange(out_, {});
}

void ResponseStream::on(const TurnStarted& event) {
  if (is_started_) {
    return;
  }
  state_.model = event.model;
  state_.cascade_id = event.cascade_id;
  start();
}

void ResponseStream::on(const TextAppended& event) {
  if (!text_.append(event.text)) {
    on(TurnFailed{answer_too_large(), std::nullopt});
    return;
  }
  send_text();
}

void ResponseStream::on(const TextReplaced& event) {
  if (!text_.replace(event.text)) {
    on(TurnFailed{answer_too_large(), std::nullopt});
    return;
  }
  send_text();
}

void ResponseStream::on(const ReasoningAppended& event) {
  reasoning_bytes_ += event.text.size();
  if (reasoning_bytes_ > max_answer_bytes_ || !reasoning_.append(event.text)) {
    on(TurnFailed{answer_too_large(), std::nullopt});
    return;
  }
  send_reasoning();
}

void ResponseStream::on(const TurnFinished& event) {
  start();
  const auto status = event.reason == FinishReason::stop ? OutputItem::Status::completed
                                                         : OutputItem::Status::incomplete;
  close_reasoning(status);
  text_.finish();
  open_message();  // an empty answer is an empty message: clients look for one
  send_text();
  close_message(status);
  const auto end = response_end(event.reason);
  state_.status = end.status;
  state_.incomplete_reason = end.incomplete_reason;
  state_.usage = event.usage;
  emit_response("response." + std::string(end.status));
  is_over_ = true;
}

void ResponseStream::on(const TurnFailed& event) {
  is_over_ = true;
  if (!is_started_) {
    const auto& error = event.error;
    json::object fields{{"code", error.code}, {"message", error.message}};
    fields["param"] = error.param.empty() ? json::value(nullptr) : json::value(error.param);
    emit("error", std::move(fields));
    return;
  }
  for (auto& item : state_.output) {
    if (item.status == OutputItem::Status::in_progress) {
      item.status = OutputItem::Status::incomplete;
      item.text = item.kind == OutputItem::Kind::message ? text_.text() : reasoning_.text();
    }
  }
  state_.status = "failed";
  state_.error = event.error;
  state_.usage = event.usage;
  emit_response("response.failed");
}

void ResponseStream::start() {
  if (std::exchange(is_started_, true)) {
    return;
  }
  emit_response("response.created");
  emit_response("response.in_progress");
}

void ResponseStream::emit(std::string_view type, json::object fields) {
  json::object data{{"type", type}, {"sequence_number", sequence_number_++}};
  for (auto& field : fields) {
    data.emplace(field.key(), std::move(field.value()));
  }
  out_ += named_event(type, data);
}

void ResponseStream::emit_response(std::string_view type) {
  emit(type, {{"response", response_object(head_, state_)}});
}

std::size_t ResponseStream::add_item(OutputItem::Kind kind, std::string id) {
  const auto index = state_.output.size();
  state_.output.push_back({kind, OutputItem::Status::in_progress, std::move(id), ""});
  emit("response.output_item.added",
       {{"output_index", index}, {"item", item_object(state_.output.back())}});
  return index;
}

void ResponseStream::open_message() {
  if (message_at_) {
    return;
  }
  message_at_ = add_item(OutputItem::Kind::message, message_id(head_));
  emit("response.content_part.added", {{"item_id", message_id(head_)},
                                       {"output_index", *message_at_},
                                       {"content_index", 0},
                                       {"part", text_part("")}});
}

void ResponseStream::open_reasoning() {
  if (reasoning_at_) {
    return;
  }
  auto id = reasoning_id(head_, state_.output.size());
  reasoning_at_ = add_item(OutputItem::Kind::reasoning, id);
  emit("response.reasoning_summary_part.added", {{"item_id", id},
                                                 {"output_index", *reasoning_at_},
                                                 {"summary_index", 0},
                                                 {"part", summary_part("")}});
}

void ResponseStream::send_text() {
  const auto delta = text_.take_delta();
  if (delta.empty()) {
    return;
  }
  start();
  close_reasoning(OutputItem::Status::completed);
  open_message();
  for (std::string_view rest = delta; !rest.empty();) {
    const auto piece = first_piece(rest, kMaxDeltaBytes);
    rest.remove_prefix(piece.size());
    emit("response.output_text.delta", {{"item_id", state_.output[*message_at_].id},
                                        {"output_index", *message_at_},
                                        {"content_index", 0},
                                        {"delta", piece},
                                        {"logprobs", json::array()}});
  }
}

void ResponseStream::send_reasoning() {
  const auto delta = reasoning_.take_delta();
  if (delta.empty()) {
    return;
  }
  start();
  open_reasoning();
  for (std::string_view rest = delta; !rest.empty();) {
    const auto piece = first_piece(rest, kMaxDeltaBytes);
    rest.remove_prefix(piece.size());
    emit("response.reasoning_summary_text.delta", {{"item_id", state_.output[*reasoning_at_].id},
                                                   {"output_index", *reasoning_at_},
                                                   {"summary_index", 0},
                                                   {"delta", piece}});
  }
}

void ResponseStream::close_message(OutputItem::Status status) {
  auto& item = state_.output[*message_at_];
  item.status = status;
  item.text = text_.text();
  const json::object place{
      {"item_id", item.id}, {"output_index", *message_at_}, {"content_index", 0}};
  auto fields = place;
  fields["text"] = item.text;
  fields["logprobs"] = json::array();
  emit("response.output_text.done", std::move(fields));
  fields = place;
  fields["part"] = text_part(item.text);
  emit("response.content_part.done", std::move(fields));
  emit("response.output_item.done", {{"output_index", *message_at_}, {"item", item_object(item)}});
}

void ResponseStream::close_reasoning(OutputItem::Status status) {
  if (!reasoning_at_) {
    return;
  }
  reasoning_.finish();
  send_reasoning();
  auto& item = state_.output[*reasoning_at_];
  item.status = status;
  item.text = reasoning_.text();
  const json::object place{
      {"item_id", item.id}, {"output_index", *reasoning_at_}, {"summary_index", 0}};
  auto fields = place;
  fields["text"] = item.text;
  emit("response.reasoning_summary_text.done", std::move(fields));
  fields = place;
  fields["part"] = summary_part(item.text);
  emit("response.reasoning_summary_part.done", std::move(fields));
  emit("response.output_item.done",
       {{"output_index", *reasoning_at_}, {"item", item_object(item)}});
  reasoning_at_.reset();
  reasoning_ = GrowingText(max_answer_bytes_);
}

}  // namespace agp::api::openai
