#pragma once

#include <boost/system/error_code.hpp>

namespace agp::control {

/// How a request to the helper failed. Implementations of the helper port answer with these codes,
/// because the life cycle reacts differently to each.
enum class Errc {
  helper_unreachable = 1,  // no bus, not installed, crashed, no answer in time
  helper_denied,           // polkit, or the bus policy, said no
  helper_failed,           // it tried and could not; the context says what
  no_usable_binary,        // no language server that may be started
  user_unknown,            // language_server.user names nobody
  scan_failed,             // /proc cannot be read
};

[[nodiscard]] const boost::system::error_category& category() noexcept;

[[nodiscard]] inline boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), category()};
}

}  // namespace agp::control

template <>
struct boost::system::is_error_code_enum<agp::control::Errc> : std::true_type {};
