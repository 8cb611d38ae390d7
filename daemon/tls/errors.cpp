#include "daemon/tls/errors.h"

#include <string>

namespace agp::tls {
namespace {

// Nobody deletes a category through its base, whose destructor is protected; g++ warns all the
// same.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::not_tls:
        return "not a TLS ClientHello";
      case Errc::too_large:
        return "ClientHello too large";
      case Errc::malformed:
        return "malformed ClientHello";
      case Errc::crypto:
        return "cryptographic operation failed";
      case Errc::name_not_covered:
        return "host name is not on the inspected list";
    }
    return "unknown TLS error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& tls_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc errc) {
  return {static_cast<int>(errc), tls_category()};
}

}  // namespace agp::tls
