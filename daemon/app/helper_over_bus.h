#pragma once

#include "daemon/bus/helper_client.h"
#include "daemon/ls/helper_port.h"

#include <functional>
#include <optional>

namespace agp::app {

/// The helper as the life cycle wants it, over its bus client.
class HelperOverBus final : public ls::HelperPort {
 public:
  /// @param client  outlives this object.
  explicit HelperOverBus(bus::HelperClient* client) : client_(client) {}

  [[nodiscard]] boost::asio::awaitable<Result<>> ensure_redirect() override;
  [[nodiscard]] boost::asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) override;
  [[nodiscard]] boost::asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override;
  [[nodiscard]] boost::asio::awaitable<Result<>> stop_language_server(std::string id) override;
  [[nodiscard]] boost::asio::awaitable<Result<control::HelperStatus>> status() override;

  /// What the last answers said; empty before the first.
  [[nodiscard]] std::optional<bool> is_reachable() const { return is_reachable_; }
  [[nodiscard]] std::optional<bool> is_redirected() const { return is_redirected_; }
  void on_redirect_changed(bool active) { is_redirected_ = active; }

 private:
  Error translate(const Error& error);

  bus::HelperClient* client_;
  std::optional<bool> is_reachable_;
  std::optional<bool> is_redirected_;
};

}  // namespace agp::app
