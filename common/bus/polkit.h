#pragma once

#include "common/base/result.h"

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::bus {

class Connection;

/// Asks polkit. Everything but a clear yes is a no: no polkit, no answer in time, an error, a
/// sender that has left.
class Authority {
 public:
  /// Whether polkit may ask the person behind the sender for a password.
  enum class Interaction { never, allowed };

  /// @param connection outlives this object.
  explicit Authority(Connection* connection, Interaction interaction = Interaction::never);
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  Authority(Authority&&) = delete;
  Authority& operator=(Authority&&) = delete;
  ~Authority();

  /// @param sender unique bus name: the one identity that cannot be made up or recycled.
  /// @return bus::Errc::access_denied or interactive_authorization_required.
  [[nodiscard]] boost::asio::awaitable<Result<>> check(std::string sender, std::string action);

  /// The effective uid that the sender had when it connected, as the bus itself knows it.
  /// @return bus::Errc::access_denied when it is not known.
  [[nodiscard]] boost::asio::awaitable<Result<std::uint32_t>> uid_of(std::string sender);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::bus
