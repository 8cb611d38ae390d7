#pragma once

#include "common/bus/compat.h"
#include "common/bus/connection.h"
#include "common/bus/errors.h"

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::bus {

/// Calls one method and suspends until its answer. The answer must have exactly the types Out.
/// @param connection the connection that `proxy` was made on; both outlive the call.
/// @param timeout measured by the bus library; its end is Errc::no_reply.
template <class... Out, class... In>
boost::asio::awaitable<Result<std::tuple<Out...>>> call(Connection* connection,
                                                        sdbus::IProxy* proxy,
                                                        const char* interface,
                                                        const char* method,
                                                        std::chrono::microseconds timeout,
                                                        In... arguments) {
  using Answer = Result<std::tuple<Out...>>;
  auto start = [&](auto handler) {
    // The bus library copies its handlers and Asio's only move, so it is shared; it is used once.
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    const auto executor = connection->executor();
    auto finish = [shared, executor](Answer answer) {
      // Resumed from the executor, never from inside the bus library or from this very call.
      boost::asio::post(executor, [shared, answer = std::move(answer)]() mutable {
        auto resume = std::move(*shared);
        std::move(resume)(std::move(answer));
      });
    };
    const std::string what = std::string("calling ") + method;
    try {
      auto message = compat::method_call(*proxy, interface, method);
      (void)(message << ... << arguments);
      compat::call_async(
          *proxy, message,
          [finish, what](sdbus::MethodReply& reply, const sdbus::Error* error) {
            if (error != nullptr) {
              finish(
                  Error(code_of(error->getName()), what + ": " + printable(error->getMessage())));
              return;
            }
            try {
              std::tuple<Out...> values;
              std::apply([&reply](auto&... value) { (void)(reply >> ... >> value); }, values);
              finish(std::move(values));
            } catch (const sdbus::Error& wrong) {
              finish(Error(Errc::unknown_member, what + ": unexpected types in the answer"));
            }
          },
          timeout);
      connection->kick();
    } catch (const sdbus::Error& error) {
      finish(Error(code_of(error.getName()), what + ": " + printable(error.getMessage())));
    }
  };
  const auto& token = boost::asio::use_awaitable;
  co_return co_await boost::asio::async_initiate<decltype(boost::asio::use_awaitable) const&,
                                                 void(Answer)>(start, token);
}

}  // namespace agp::bus
