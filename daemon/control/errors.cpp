#include "daemon/control/errors.h"

#include <string>

namespace agp::control {
namespace {

// Boost's destructor is protected: nobody can delete through the base.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "agp.control"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::helper_unreachable:
        return "the helper cannot be reached";
      case Errc::helper_denied:
        return "the helper refused";
      case Errc::helper_failed:
        return "the helper could not do it";
      case Errc::no_usable_binary:
        return "there is no language server binary that may be started";
      case Errc::user_unknown:
        return "there is no such user";
      case Errc::scan_failed:
        return "the processes of this machine cannot be listed";
    }
    return "unknown error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& category() noexcept {
  static const Category kCategory;
  return kCategory;
}

}  // namespace agp::control
