#include "daemon/app/turns.h"

#include "common/base/ulid.h"

#include <chrono>
#include <utility>

namespace agp::app {

boost::asio::awaitable<Result<api::TurnResult>> Turns::run(api::TurnRequest request) {
  ls::TurnRequest wanted;
  wanted.model = std::move(request.model);
  wanted.input = std::move(request.input);
  wanted.instructions = std::move(request.instructions);
  auto answer = co_await driver_->run_turn(std::move(wanted));
  if (!answer) {
    co_return answer.error();
  }
  api::TurnResult result;
  result.response_id = "resp_" + make_ulid(std::chrono::system_clock::now());
  result.text = std::move(answer->text);
  result.model = std::move(answer->model);
  result.cascade_id = std::move(answer->cascade_id);
  co_return result;
}

}  // namespace agp::app
