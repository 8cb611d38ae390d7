#pragma once

#include "common/base/result.h"
#include "daemon/ls/endpoint.h"
#include "daemon/ls/wire_coding.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// One call of the Connect protocol that is answered by many messages, over a TLS connection of its
/// own to 127.0.0.1. Dropping it ends the call. Compression is not offered and refused.
class ConnectStream {
 public:
  struct Limits {
    std::size_t message_bytes = std::size_t{32} * 1024 * 1024;
  };

  explicit ConnectStream(std::shared_ptr<const Endpoint> endpoint);
  ConnectStream(std::shared_ptr<const Endpoint> endpoint, Limits limits);
  ConnectStream(ConnectStream&&) noexcept;
  ConnectStream& operator=(ConnectStream&&) noexcept;
  ConnectStream(const ConnectStream&) = delete;
  ConnectStream& operator=(const ConnectStream&) = delete;
  ~ConnectStream();

  /// Asks LanguageServerService/<method>; once. That it is refused shows with the first message.
  /// @param message  the request, as `coding` says.
  /// @param limit    for connecting, and again for sending.
  [[nodiscard]] boost::asio::awaitable<Result<>> open(std::string method,
                                                      WireCoding coding,
                                                      std::string message,
                                                      std::chrono::steady_clock::duration limit);

  /// The next message, or nullopt at the proper end of the stream.
  /// @param silence  how long may nothing complete come; Errc::deadline_exceeded after it.
  /// @return the error of the end frame or of the status, Errc::unimplemented for a method that is
  ///         not there; Errc::unreachable for a stream that was cut, Errc::bad_answer or too_large
  ///         for what is no stream. After an error, or the end, it is over.
  [[nodiscard]] boost::asio::awaitable<Result<std::optional<std::string>>> next(
      std::chrono::steady_clock::duration silence);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::ls
