#pragma once

#include "common/base/result.h"

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

namespace agp::ls {

/// The error of an end frame or of a unary answer: `{"code":"…","message":"…"}`.
/// @param what  what was asked for; becomes the context, with the message.
/// @return Errc::unknown without a code that is known; Errc::disabled where `unknown` is all that
///         the language server says of a method that it has switched off.
/// Source: Connect protocol, error codes; ls-protocol section 3.6 for the latter.
[[nodiscard]] Error connect_error(const boost::json::object& error, const std::string& what);

/// A unary answer whose status is not 200, or the refusal of a stream.
/// Source: Connect protocol, HTTP to error code.
[[nodiscard]] Error http_error(unsigned status, std::string_view body, const std::string& what);

}  // namespace agp::ls
