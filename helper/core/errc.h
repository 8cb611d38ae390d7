#pragma once

#include "common/base/result.h"

/// What the helper decides, without touching the system: plans, checks and the order of steps.
namespace agp::core {

enum class Errc {
  invalid_argument = 1,
  configuration,
  accounts,
  firewall_missing,
  firewall,
  certificate,
  file,
  not_protected,
  no_binary,
  unit,
  service_manager,  // what it said, which is in the context
  limits,
};

[[nodiscard]] const boost::system::error_category& helper_category();
[[nodiscard]] boost::system::error_code make_error_code(Errc code);

}  // namespace agp::core

template <>
struct boost::system::is_error_code_enum<agp::core::Errc> : std::true_type {};
