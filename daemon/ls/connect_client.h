#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// Where one language server listens and how to be let in. Immutable once published.
struct Endpoint {
  std::string instance;  // the helper's id
  std::uint16_t port = 0;
  Secret<std::string> csrf_token;
  std::string certificate_pem;  // of its install; empty: could not be read
};

/// Unary calls of the Connect protocol with JSON bodies over TLS on 127.0.0.1. One call at a time.
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
  /// @param limit  for connecting, and again for the exchange; Errc::deadline_exceeded after it.
  /// @return the body of a 200; else the error of the Connect protocol, its message as context.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> call(
      std::string method, std::string body, std::chrono::steady_clock::duration limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::ls
