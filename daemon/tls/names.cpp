#include "daemon/tls/names.h"

#include <algorithm>

namespace agp::tls {

std::vector<std::string> permitted_domains(std::span<const config::HostPattern> inspected) {
  std::vector<std::string> domains;
  for (const auto& pattern : inspected) {
    if (!pattern.domain().empty()) {
      domains.emplace_back(pattern.domain());
    }
  }
  std::sort(domains.begin(), domains.end());
  domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
  std::vector<std::string> out;
  for (const auto& domain : domains) {
    const bool is_below = std::any_of(domains.begin(), domains.end(), [&](const auto& other) {
      return domain.size() > other.size() && domain.ends_with('.' + other);
    });
    if (!is_below) {
      out.push_back(domain);
    }
  }
  if (out.empty()) {
    out.emplace_back("invalid");
  }
  return out;
}

}  // namespace agp::tls
