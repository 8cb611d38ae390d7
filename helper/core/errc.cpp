#include "helper/core/errc.h"

namespace agp::core {
namespace {

// Boost's destructor is protected in effect; g++ 12 does not see that through the friends.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "agp.helper"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::invalid_argument:
        return "invalid argument";
      case Errc::configuration:
        return "wrong configuration";
      case Errc::accounts:
        return "accounts not usable";
      case Errc::firewall_missing:
        return "iptables is missing";
      case Errc::firewall:
        return "firewall command failed";
      case Errc::certificate:
        return "certificate refused";
      case Errc::file:
        return "file not written or not safe";
      case Errc::not_protected:
        return "redirect or trust bundle not in place";
      case Errc::no_binary:
        return "language server binary not usable";
      case Errc::unit:
      case Errc::service_manager:
        return "unit operation failed";
      case Errc::limits:
        return "limit reached";
    }
    return "unknown helper error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& helper_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) {
  return {static_cast<int>(code), helper_category()};
}

}  // namespace agp::core
