#pragma once

#include "common/base/bytes.h"
#include "daemon/io/lookup.h"
#include "daemon/io/proxy_handshake.h"

#include <chrono>
#include <vector>

namespace agp::io {

/// Opens one connection to upstream, directly or through the proxy of the configuration. One
/// deadline covers all of it.
class Dialer {
 public:
  /// @param socket, proxy  outlive this object; `proxy` is null to dial directly.
  Dialer(boost::asio::io_context* context,
         boost::asio::ip::tcp::socket* socket,
         const UpstreamProxy* proxy,
         std::chrono::milliseconds limit);

  /// @param address  where to go when no proxy is set.
  /// @param target   what a proxy is asked for.
  /// @return octets that came from beyond the proxy together with its answer; usually none.
  [[nodiscard]] boost::asio::awaitable<Result<Buffer>> dial(boost::asio::ip::tcp::endpoint address,
                                                            ProxyTarget target);

  /// Makes dial() return soon, with an error.
  void cancel();

 private:
  using Instant = std::chrono::steady_clock::time_point;

  boost::asio::awaitable<Result<>> connect_any(std::vector<boost::asio::ip::tcp::endpoint> to,
                                               Instant until);
  boost::asio::awaitable<Result<Buffer>> pass_proxy(ProxyTarget target, Instant until);

  boost::asio::ip::tcp::socket* socket_;
  const UpstreamProxy* proxy_;
  std::chrono::milliseconds limit_;
  Lookup lookup_;
  bool is_cancelled_ = false;
};

}  // namespace agp::io
