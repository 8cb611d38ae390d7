#pragma once

#include <boost/system/error_code.hpp>

namespace agp::tls {

enum class Errc {
  not_tls = 1,       // the first octets are no TLS ClientHello
  too_large,         // the ClientHello is larger than we read
  malformed,         // the ClientHello breaks RFC 8446 or RFC 6066
  crypto,            // OpenSSL failed; the context says how
  name_not_covered,  // the host is not on the list of inspected names
};

[[nodiscard]] const boost::system::error_category& tls_category();
[[nodiscard]] boost::system::error_code make_error_code(Errc errc);

}  // namespace agp::tls

template <>
struct boost::system::is_error_code_enum<agp::tls::Errc> : std::true_type {};
