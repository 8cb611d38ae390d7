#include "daemon/api/failed_callers.h"

#include <algorithm>

namespace agp::api {

std::chrono::seconds FailedCallers::on_failure(const std::string& peer,
                                               Reason reason,
                                               TimePoint now) {
  count(reason);
  if (!until_.contains(peer)) {
    make_room(now);
  }
  auto& until = until_[peer];
  until = std::max(until, now);
  const auto most = limits_.refill * limits_.burst;
  if (until + limits_.refill <= now + most) {
    until += limits_.refill;
    return std::chrono::seconds(0);
  }
  ++counts_.limited;
  return std::max(std::chrono::ceil<std::chrono::seconds>(until + limits_.refill - now - most),
                  std::chrono::seconds(1));
}

void FailedCallers::count(Reason reason) {
  switch (reason) {
    case Reason::unidentified:
      ++counts_.unidentified;
      return;
    case Reason::unknown_key:
      ++counts_.unknown_key;
      return;
    case Reason::refused:
      ++counts_.refused;
      return;
  }
}

// Whoever has many addresses must not fill the memory, nor drive out those who failed most.
void FailedCallers::make_room(TimePoint now) {
  if (until_.size() < limits_.peers) {
    return;
  }
  std::erase_if(until_, [now](const auto& each) { return each.second <= now; });
  if (until_.size() >= limits_.peers) {
    until_.erase(std::min_element(until_.begin(), until_.end(), [](const auto& a, const auto& b) {
      return a.second < b.second;
    }));
  }
}

}  // namespace agp::api
