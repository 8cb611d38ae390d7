#pragma once

#include "daemon/bus/helper_client.h"
#include "daemon/ls/helper_port.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace agp::app {

/// The helper as the life cycle wants it, over its bus client.
class HelperOverBus final : public ls::HelperPort {
 public:
  /// @param client  outlives this object.
  explicit HelperOverBus(bus::HelperClient* client) : client_(client) {}

  [[nodiscard]] boost::asio::awaitable<Result<>> ensure_redirect() override;
  [[nodiscard]] boost::asio::awaitable<Result<>> remove_redirect() override;
  [[nodiscard]] boost::asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) override;
  [[nodiscard]] boost::asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override;
  [[nodiscard]] boost::asio::awaitable<Result<>> stop_language_server(std::string id) override;
  [[nodiscard]] boost::asio::awaitable<Result<control::HelperStatus>> status() override;

  /// What the last answers said; empty before the first.
  [[nodiscard]] std::optional<bool> is_reachable() const { return is_reachable_; }
  [[nodiscard]] std::optional<bool> is_redirected() const { return is_redirected_; }
  void on_redirect_changed(bool active) { is_redirected_ = active; }

  /// Rules that other programs removed and that are back, since the daemon started.
  struct Repairs {
    std::uint64_t count = 0;
    std::optional<std::chrono::system_clock::time_point> last_at;
    std::vector<std::string> last_lost;  // empty: nobody said
  };
  /// What the helper said when it was asked last, in the words of its interface; empty before.
  struct Surroundings {
    std::string egress;
    std::string egress_guard;
    std::string firewall_backend;
    std::string firewall_reason;
    std::string limits;
  };
  [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
  [[nodiscard]] const Repairs& repairs() const { return repairs_; }
  void on_redirect_repaired(std::vector<std::string> lost);

 private:
  Error translate(const Error& error);

  bus::HelperClient* client_;
  std::optional<bool> is_reachable_;
  std::optional<bool> is_redirected_;
  Repairs repairs_;
  Surroundings surroundings_;
};

}  // namespace agp::app
