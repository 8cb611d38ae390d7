#include "daemon/api/turn_job.h"

#include <utility>

namespace agp::api {
namespace {

TurnRequest to_turn(const std::string& model,
                    std::string_view instructions,
                    const std::vector<openai::Message>& messages) {
  auto prompt = openai::to_prompt(instructions, messages);
  TurnRequest turn;
  turn.model = model;
  turn.input = std::move(prompt.input);
  turn.instructions = std::move(prompt.instructions);
  return turn;
}

}  // namespace

bool TurnJob::wants_stream() const {
  return std::visit([](const auto& one) { return one.stream; }, request);
}

std::string TurnJob::previous_response_id() const {
  const auto* responses = std::get_if<openai::ResponsesRequest>(&request);
  return responses == nullptr ? std::string() : responses->previous_response_id;
}

std::variant<TurnJob, ApiError> responses_job(std::string_view body) {
  auto parsed = openai::parse_responses_request(body);
  if (auto* refusal = std::get_if<ApiError>(&parsed)) {
    return std::move(*refusal);
  }
  auto& request = std::get<openai::ResponsesRequest>(parsed);
  TurnJob job;
  job.turn = to_turn(request.model, request.instructions, request.messages);
  job.turn.max_output_tokens = request.max_output_tokens;
  request.messages.clear();  // the answer does not repeat them
  job.request = std::move(request);
  return job;
}

std::variant<TurnJob, ApiError> chat_job(std::string_view body) {
  auto parsed = openai::parse_chat_request(body);
  if (auto* refusal = std::get_if<ApiError>(&parsed)) {
    return std::move(*refusal);
  }
  auto& request = std::get<openai::ChatRequest>(parsed);
  TurnJob job;
  job.turn = to_turn(request.model, "", request.messages);
  job.turn.max_output_tokens = request.max_output_tokens;
  request.messages.clear();
  job.request = std::move(request);
  return job;
}

}  // namespace agp::api
