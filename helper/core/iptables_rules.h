#pragma once

#include "helper/core/ports.h"
#include "helper/core/redirect.h"
#include "helper/core/redirector.h"

#include <string>
#include <vector>

/// Observe, plan, apply, read back with one kind of iptables.
namespace agp::core::iptables {

[[nodiscard]] std::vector<Family> families(Firewall* firewall);
[[nodiscard]] Result<bool> ensure(Firewall* firewall,
                                  const RedirectSpec& spec,
                                  Redirector::Before before);
/// Without the program there is nothing of ours: a success.
[[nodiscard]] Result<bool> remove(Firewall* firewall);
[[nodiscard]] Result<> verify(Firewall* firewall, const RedirectSpec& spec);
[[nodiscard]] std::string state(Firewall* firewall, Family family, const RedirectSpec* spec);
/// Whether anything of ours is there.
[[nodiscard]] bool is_used(Firewall* firewall);

}  // namespace agp::core::iptables
