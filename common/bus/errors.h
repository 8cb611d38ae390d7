#pragma once

#include "common/base/result.h"

#include <string>
#include <string_view>

/// Errors that travel over the bus, as names there and as values here.
namespace agp::bus {

enum class Errc {
  invalid_args = 1,
  access_denied,
  interactive_authorization_required,
  limits_exceeded,
  unknown_member,  // no such method, interface or object: the other side is another version
  not_running,     // nobody owns the name and nothing could be started for it
  no_reply,        // the other side left, or its deadline passed
  disconnected,    // the bus itself is gone
  configuration,
  accounts,
  firewall_missing,
  firewall,
  certificate,
  file,
  not_protected,
  no_binary,
  unit,
  failed,  // anything else
};

[[nodiscard]] const boost::system::error_category& bus_category();
[[nodiscard]] boost::system::error_code make_error_code(Errc code);

/// The D-Bus error name of a code. Never null.
[[nodiscard]] const char* error_name(Errc code);

/// The code of a D-Bus error name; `failed` for names that are not ours to know.
[[nodiscard]] Errc code_of(std::string_view error_name);

/// `text` as it may be put on the bus or into a log: printable ASCII only, at most 400 characters.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace agp::bus

template <>
struct boost::system::is_error_code_enum<agp::bus::Errc> : std::true_type {};
