#include "daemon/io/lookup.h"

#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::io {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
}  // namespace

struct Lookup::State {
  explicit State(asio::io_context& context) : resolver(context), wake(context) {}
  tcp::resolver resolver;
  asio::steady_timer wake;
  std::optional<Result<std::vector<tcp::endpoint>>> answer;
  bool is_cancelled = false;
};

Lookup::Lookup(asio::io_context* context) : state_(std::make_shared<State>(*context)) {}

Lookup::~Lookup() {
  state_->resolver.cancel();
}

void Lookup::cancel() {
  state_->is_cancelled = true;
  state_->wake.cancel();
}

asio::awaitable<Result<std::vector<tcp::endpoint>>> Lookup::run(std::string host,
                                                                std::uint16_t port,
                                                                std::chrono::milliseconds limit) {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    co_return std::vector<tcp::endpoint>{{address, port}};
  }
  const auto state = state_;
  state->wake.expires_after(limit);
  state->resolver.async_resolve(
      host, std::to_string(port),
      [state](boost::system::error_code ec, const tcp::resolver::results_type& found) {
        if (ec || found.empty()) {
          state->answer.emplace(
              Error{ec ? ec : make_error_code(asio::error::host_not_found), "resolve"});
        } else {
          std::vector<tcp::endpoint> endpoints;
          for (const auto& entry : found) {
            endpoints.push_back(entry.endpoint());
          }
          state->answer.emplace(std::move(endpoints));
        }
        state->wake.cancel();
      });
  (void)co_await state->wake.async_wait(kTuple);  // woken by the answer, by cancel() or by time
  if (state->is_cancelled) {
    co_return Error{asio::error::operation_aborted, "resolve " + host};
  }
  if (!state->answer) {
    co_return Error{asio::error::timed_out, "resolve " + host};
  }
  auto answer = std::move(*state->answer);
  if (!answer) {
    co_return Error{answer.error().code, "resolve " + host};
  }
  co_return answer;
}

}  // namespace agp::io
