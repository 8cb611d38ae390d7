#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/config/values.h"
#include "daemon/otlp/answer.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>

namespace agp::otlp {

/// Header fields that a receiver wants besides ours, such as its credentials.
using Fields = std::vector<std::pair<std::string, Secret<std::string>>>;

/// One POST for each request, on a connection of its own. Without TLS to this machine alone;
/// with TLS a certificate that verifies for the host, always.
class Sender {
 public:
  /// @param extra_ca_file  trusted besides the system's certificates; empty: none.
  [[nodiscard]] static Result<Sender> make(config::HttpUrl url,
                                           Fields fields,
                                           const std::string& extra_ca_file);

  /// One at a time.
  /// @param limit  for everything, the name's resolution apart.
  [[nodiscard]] boost::asio::awaitable<Result<Answer>> post(
      std::string body, std::chrono::steady_clock::duration limit);

  /// For people: without the path, which may have a credential in it.
  [[nodiscard]] std::string where() const;

 private:
  Sender(config::HttpUrl url, Fields fields, std::optional<boost::asio::ssl::context> tls);

  config::HttpUrl url_;
  Fields fields_;
  std::optional<boost::asio::ssl::context> tls_;  // none: cleartext
};

}  // namespace agp::otlp
