#pragma once

#include "daemon/usage/record.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace agp::relay {

/// Which hosts' clients do not accept our certificate. One for the process: thread-safe, because
/// the connections of one client spread over the workers. Only connections that begin and fail
/// come here, so the lock is never on the way of a stream.
class RefusedHosts {
 public:
  static constexpr std::chrono::minutes kWindow{10};     // refusals this old are forgotten
  static constexpr std::chrono::minutes kTunnelFor{60};  // then interception is tried again
  static constexpr std::size_t kMaxHosts = 1024;
  static constexpr std::size_t kMaxCounted = 100;  // per host; more tell nothing more

  /// A client refused the certificate for `host`.
  void on_refused(std::string_view host, usage::Micros now);

  /// `tunnel_after` refusals came within the window: pass the host on unread. Holds for a time once
  /// it is true.
  /// @param tunnel_after  0 for never.
  [[nodiscard]] bool is_tunnelled(std::string_view host,
                                  std::uint32_t tunnel_after,
                                  usage::Micros now);

  [[nodiscard]] std::size_t size() const;

 private:
  struct Item {
    std::deque<usage::Micros> refused_at;  // oldest first
    usage::Micros tunnelled_until{};
  };

  mutable std::mutex mutex_;
  std::map<std::string, Item, std::less<>> by_host_;
};

}  // namespace agp::relay
