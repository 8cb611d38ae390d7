#include "daemon/relay/refused_hosts.h"

#include <algorithm>
#include <iterator>

namespace agp::relay {

void RefusedHosts::on_refused(std::string_view host, usage::Micros now) {
  const std::lock_guard lock(mutex_);
  auto found = by_host_.find(host);
  if (found == by_host_.end()) {
    if (by_host_.size() >= kMaxHosts) {
      // The host that was quiet for longest makes room.
      by_host_.erase(std::min_element(
          by_host_.begin(), by_host_.end(), [](const auto& left, const auto& right) {
            return left.second.refused_at.back() < right.second.refused_at.back();
          }));
    }
    found = by_host_.emplace(std::string(host), Item{}).first;
  }
  auto& refused_at = found->second.refused_at;
  refused_at.push_back(now);
  if (refused_at.size() > kMaxCounted) {
    refused_at.pop_front();
  }
}

bool RefusedHosts::is_tunnelled(std::string_view host,
                                std::uint32_t tunnel_after,
                                usage::Micros now) {
  if (tunnel_after == 0) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) {
    return false;
  }
  auto& item = found->second;
  // A clock that was set back must not make an hour a year.
  if (now < item.tunnelled_until && now >= item.tunnelled_until - kTunnelFor) {
    return true;
  }
  const auto recent =
      std::count_if(item.refused_at.begin(), item.refused_at.end(),
                    [now](usage::Micros at) { return now >= at && now - at < kWindow; });
  if (static_cast<std::size_t>(recent) < std::min<std::size_t>(tunnel_after, kMaxCounted)) {
    return false;
  }
  item.tunnelled_until = now + kTunnelFor;
  return true;
}

std::size_t RefusedHosts::size() const {
  const std::lock_guard lock(mutex_);
  return by_host_.size();
}

}  // namespace agp::relay
