#pragma once

#include "common/base/result.h"
#include "daemon/tls/ca.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// Replaces the certificate authority while streams go on. A language server reads its trust bundle
/// once: leaves are of the old authority until each one that runs was started with a bundle that
/// holds both. Lives on one executor.
class CaRotation {
 public:
  using AuthorityPtr = std::shared_ptr<const tls::Authority>;

  struct Ports {
    std::function<Result<AuthorityPtr>()> make;  // stored beside the one in use; blocks
    std::function<Result<>()> adopt;             // stored in its place; blocks
    std::function<void()> discard;               // there is no next one any more; blocks
    /// The trust bundle holds these from now on, and is written. Borrowed: the awaiter has them.
    std::function<boost::asio::awaitable<Result<>>(std::string pem)> trust;
    std::function<void(AuthorityPtr)> use;      // leaves are of this one
    std::function<bool()> has_language_server;  // or one is about to be started or stopped
    std::function<std::uint64_t()> starts;      // of language servers, so far
    std::function<bool()> is_busy;              // turns are under way
    std::function<void()> restart_language_server;
    std::function<void()> on_change;
  };

  enum class Step { none, making, publishing, waiting_for_turns, restarting, switching };

  /// @param blocking  where the disk is waited for.
  CaRotation(boost::asio::any_io_executor executor,
             boost::asio::any_io_executor blocking,
             Ports ports,
             std::chrono::milliseconds look = std::chrono::milliseconds(200));

  /// Begins, unless it is under way.
  /// @param current  the authority in use.
  void begin(AuthorityPtr current);
  /// What is under way is given up at its next step; the next start of the service finishes it.
  void stop();

  [[nodiscard]] Step step() const { return step_; }
  /// The one that follows, while there is one.
  [[nodiscard]] const AuthorityPtr& next() const { return next_; }
  /// Why the last attempt failed; empty when it did not.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  boost::asio::awaitable<void> run(AuthorityPtr current);
  boost::asio::awaitable<Result<>> rotate(AuthorityPtr current);
  boost::asio::awaitable<Result<>> renew_language_server();
  boost::asio::awaitable<void> pause();
  void at(Step step);

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor blocking_;
  Ports ports_;
  std::chrono::milliseconds look_;
  boost::asio::steady_timer timer_;
  Step step_ = Step::none;
  AuthorityPtr next_;
  std::string problem_;
  bool is_stopping_ = false;
};

[[nodiscard]] const char* to_string(CaRotation::Step step);

}  // namespace agp::app
