#include "daemon/api/turn_answer.h"

#include <utility>

namespace agp::api {

TurnAnswer::TurnAnswer(const TurnJob& job, std::string id, std::int64_t created)
    : kind_(make(job, std::move(id), created)) {}

TurnAnswer::Kind TurnAnswer::make(const TurnJob& job, std::string id, std::int64_t created) {
  if (const auto* request = std::get_if<openai::ResponsesRequest>(&job.request)) {
    openai::ResponseHead head{std::move(id), created, *request};
    if (request->stream) {
      return openai::ResponseStream(std::move(head));
    }
    return WholeResponse{std::move(head), openai::TurnCollector()};
  }
  const auto& request = std::get<openai::ChatRequest>(job.request);
  openai::ChatHead head{std::move(id), created, request.model, request.include_usage};
  if (request.stream) {
    return openai::ChatStream(std::move(head));
  }
  return WholeChat{std::move(head), openai::TurnCollector()};
}

std::string TurnAnswer::feed(const openai::TurnEvent& event) {
  return std::visit([&event](auto& one) { return one.feed(event); }, kind_);
}

bool TurnAnswer::is_over() const {
  return std::visit([](const auto& one) { return one.is_over(); }, kind_);
}

Response TurnAnswer::take_whole() {
  if (auto* whole = std::get_if<WholeResponse>(&kind_)) {
    return openai::render_response(whole->head, whole->collector.take());
  }
  if (auto* whole = std::get_if<WholeChat>(&kind_)) {
    return openai::render_chat_completion(whole->head, whole->collector.take());
  }
  return Response{};
}

}  // namespace agp::api
