#include "daemon/api/openai/turn_collector.h"

namespace agp::api::openai {

ApiError answer_too_large() {
  return {502,
          "server_error",
          "answer_too_large",
          "the answer is larger than can be passed on",
          "ask for a shorter one",
          ""};
}

void TurnCollector::feed(const TurnEvent& event) {
  if (!is_over_) {
    std::visit([this](const auto& one) { on(one); }, event);
  }
}

CollectedTurn TurnCollector::take() {
  text_.finish();
  reasoning_.finish();
  turn_.text = text_.text();
  turn_.reasoning = reasoning_.text();
  return std::move(turn_);
}

void TurnCollector::on(const TurnStarted& event) {
  turn_.model = event.model;
  turn_.cascade_id = event.cascade_id;
}

void TurnCollector::on(const TextAppended& event) {
  if (!text_.append(event.text)) {
    end(TurnFailed{answer_too_large(), std::nullopt});
  }
}

void TurnCollector::on(const TextReplaced& event) {
  if (!text_.replace(event.text)) {
    end(TurnFailed{answer_too_large(), std::nullopt});
  }
}

void TurnCollector::on(const ReasoningAppended& event) {
  if (!reasoning_.append(event.text)) {
    end(TurnFailed{answer_too_large(), std::nullopt});
  }
}

void TurnCollector::on(const TurnFinished& event) {
  end(event);
}

void TurnCollector::on(const TurnFailed& event) {
  end(event);
}

void TurnCollector::end(std::variant<TurnFinished, TurnFailed> end) {
  turn_.end = std::move(end);
  is_over_ = true;
}

}  // namespace agp::api::openai
