#pragma once

#include "common/base/result.h"
#include "daemon/ls/endpoint.h"
#include "daemon/ls/wire_coding.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Unary calls of the Connect protocol over TLS on 127.0.0.1. One call at a time. Compression is
/// not offered and refused.
class ConnectClient {
 public:
  struct Limits {
    std::size_t answer_bytes = std::size_t{32} * 1024 * 1024;
  };

  explicit ConnectClient(std::shared_ptr<const Endpoint> endpoint);
  ConnectClient(std::shared_ptr<const Endpoint> endpoint, Limits limits);
  ConnectClient(ConnectClient&&) noexcept;
  ConnectClient& operator=(ConnectClient&&) noexcept;
  ConnectClient(const ConnectClient&) = delete;
  ConnectClient& operator=(const ConnectClient&) = delete;
  ~ConnectClient();

  /// POST of `body` to LanguageServerService/<method>.
  /// @param body   a message as `coding` says, and so is the answer; errors are JSON in any case.
  /// @param limit  for connecting, and again for the exchange; Errc::deadline_exceeded after it.
  /// @return the body of a 200; else the error of the Connect protocol, its message as context.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> call(
      std::string method,
      std::string body,
      std::chrono::steady_clock::duration limit,
      WireCoding coding = WireCoding::json);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::ls
