#include "daemon/tls/openssl.h"

#include <array>
#include <utility>

#include <openssl/err.h>

namespace agp::tls {

Error openssl_error(std::string context) {
  while (const auto code = ERR_get_error()) {
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    context += ": ";
    context += text.data();
  }
  return Error(Errc::crypto, std::move(context));
}

void clear_openssl_errors() {
  ERR_clear_error();
}

}  // namespace agp::tls
