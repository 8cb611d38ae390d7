#pragma once

#include "common/base/result.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace agp::io {

/// One name lookup that neither blocks its worker nor holds a connection longer than it may take:
/// the system's resolver cannot be interrupted, but nobody has to wait for it.
class Lookup {
 public:
  explicit Lookup(boost::asio::io_context* context);
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  Lookup(Lookup&&) = delete;
  Lookup& operator=(Lookup&&) = delete;
  ~Lookup();

  /// @param host  name or numeric address.
  /// @return at least one endpoint; timed_out after `limit`; operation_aborted after cancel().
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<boost::asio::ip::tcp::endpoint>>> run(
      std::string host, std::uint16_t port, std::chrono::milliseconds limit);
  void cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the resolver, which may answer after we have left
};

}  // namespace agp::io
