#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sdbus-c++/sdbus-c++.h>

/// The one place that knows two incompatible generations of sdbus-c++ (1.2 and 2.1). No other file
/// may test AGP_SDBUS_MAJOR. Everything here may throw sdbus::Error: callers catch it in the same
/// file.
namespace agp::bus::compat {

#if AGP_SDBUS_MAJOR >= 2
using ServiceName = sdbus::ServiceName;
using ObjectPath = sdbus::ObjectPath;
using ErrorName = sdbus::Error::Name;
using PropertyName = sdbus::PropertyName;
using AsyncMessage = sdbus::MethodReply;
using AsyncError = std::optional<sdbus::Error>;
#else
using ServiceName = std::string;
using ObjectPath = std::string;
using ErrorName = std::string;
using PropertyName = std::string;
using AsyncMessage = sdbus::MethodReply&;
using AsyncError = const sdbus::Error*;
#endif

struct PollState {
  int fd;
  /// -1 when this generation has none: asks for processing when messages were queued elsewhere.
  int event_fd;
  short events;
  /// Nothing: no deadline is pending.
  std::optional<std::chrono::milliseconds> timeout;
};

inline PollState poll_state(const sdbus::IConnection& connection) {
  const auto data = connection.getEventLoopPollData();
  std::optional<std::chrono::milliseconds> timeout;
  if (const int milliseconds = data.getPollTimeout(); milliseconds >= 0) {
    timeout = std::chrono::milliseconds(milliseconds);
  }
#if AGP_SDBUS_MAJOR >= 2
  return {data.fd, data.eventFd, data.events, timeout};
#else
  return {data.fd, -1, data.events, timeout};
#endif
}

/// @return true when something was processed: call again before polling.
inline bool process_one(sdbus::IConnection& connection) {
#if AGP_SDBUS_MAJOR >= 2
  return connection.processPendingEvent();
#else
  return connection.processPendingRequest();
#endif
}

inline sdbus::Error make_error(const char* name, const std::string& message) {
  return sdbus::Error(ErrorName(name), message);
}

/// Unique name of whoever sent the message being processed now; empty when there is none.
inline std::string sender_of(const sdbus::IObject& object) {
#if AGP_SDBUS_MAJOR >= 2
  const char* sender = object.getCurrentlyProcessedMessage().getSender();
  return sender == nullptr ? std::string() : std::string(sender);
#else
  const auto* message = object.getCurrentlyProcessedMessage();
  return message == nullptr ? std::string() : message->getSender();
#endif
}

inline sdbus::MethodCall method_call(sdbus::IProxy& proxy,
                                     const char* interface,
                                     const char* method) {
#if AGP_SDBUS_MAJOR >= 2
  return proxy.createMethodCall(sdbus::InterfaceName(interface), sdbus::MethodName(method));
#else
  return proxy.createMethodCall(interface, method);
#endif
}

/// Calls `handler(reply, error)` from the bus's own processing; error is null on success.
using ReplyHandler = std::function<void(sdbus::MethodReply& reply, const sdbus::Error* error)>;

inline void call_async(sdbus::IProxy& proxy,
                       const sdbus::MethodCall& message,
                       ReplyHandler handler,
                       std::chrono::microseconds timeout) {
  const auto limit = static_cast<std::uint64_t>(timeout.count());
#if AGP_SDBUS_MAJOR >= 2
  proxy.callMethodAsync(
      message,
      [handler = std::move(handler)](sdbus::MethodReply reply, std::optional<sdbus::Error> error) {
        handler(reply, error ? &*error : nullptr);
      },
      limit);
#else
  proxy.callMethod(
      message,
      [handler = std::move(handler)](sdbus::MethodReply& reply, const sdbus::Error* error) {
        handler(reply, error);
      },
      limit);
#endif
}

/// After the last signal handler of a proxy that was made by hand.
inline void finish_registration(sdbus::IProxy& proxy) {
#if AGP_SDBUS_MAJOR >= 2
  (void)proxy;  // handlers are live at once
#else
  proxy.finishRegistration();
#endif
}

}  // namespace agp::bus::compat
