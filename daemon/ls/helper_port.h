#pragma once

#include "common/base/result.h"
#include "daemon/control/ports.h"

#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::ls {

/// The root helper as the supervisor sees it; implemented over D-Bus. Every method ends in bounded
/// time and fails with a code of control::Errc: helper_unreachable (no bus, no such name, no
/// answer), helper_denied (access or polkit) or helper_failed (anything it reports itself).
class HelperPort {
 public:
  virtual ~HelperPort() = default;

  /// Idempotent: the redirect for the language server's account stands afterwards.
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> ensure_redirect() = 0;
  /// Idempotent: neither the redirect nor any language server of the helper's is there afterwards.
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> remove_redirect() = 0;
  /// Idempotent: the trust bundle holds the system's authorities and this certificate (PEM).
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) = 0;
  [[nodiscard]] virtual boost::asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) = 0;
  /// A language server that is not there any more counts as stopped.
  [[nodiscard]] virtual boost::asio::awaitable<Result<>> stop_language_server(std::string id) = 0;
  [[nodiscard]] virtual boost::asio::awaitable<Result<control::HelperStatus>> status() = 0;
};

}  // namespace agp::ls
