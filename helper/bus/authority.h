#pragma once

#include "common/base/result.h"

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::bus {
class Connection;
}

namespace agp::helper {

constexpr char kActionRedirect[] = "org.antigravityproxy.manage-redirect";
constexpr char kActionTrust[] = "org.antigravityproxy.manage-trust";
constexpr char kActionLanguageServer[] = "org.antigravityproxy.manage-language-server";
constexpr char kActionStatus[] = "org.antigravityproxy.read-status";

/// Asks polkit. Everything but a clear yes is a no: no polkit, no answer in time, an error, a
/// sender that has left.
class Authority {
 public:
  /// @param connection outlives this object.
  explicit Authority(bus::Connection* connection);
  ~Authority();

  /// @param sender unique bus name: the one identity that cannot be made up or recycled.
  /// @return bus::Errc::access_denied or interactive_authorization_required.
  [[nodiscard]] boost::asio::awaitable<Result<>> check(std::string sender, std::string action);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agp::helper
