#include "helper/core/public_text.h"

#include "helper/core/errc.h"

namespace agp::core {
namespace {

/// What stands there when the context is not for callers.
const char* advice(Errc code) {
  switch (code) {
    case Errc::configuration:
      return "helper.yaml has a fault or can be changed by others: see Status or the journal";
    case Errc::no_binary:
      return "see Status or the journal of the helper";
    case Errc::invalid_argument:
    case Errc::accounts:
    case Errc::firewall_missing:
    case Errc::firewall:
    case Errc::certificate:
    case Errc::file:
    case Errc::not_protected:
    case Errc::unit:
    case Errc::service_manager:
    case Errc::limits:
      break;
  }
  return "the journal of the helper says why";
}

/// Whether contexts of that kind are made of our own words alone.
bool has_own_words(Errc code) {
  return code != Errc::configuration && code != Errc::firewall && code != Errc::service_manager;
}

/// Kinds that mostly have our own words name a file in some of their contexts, by its whole path.
bool names_a_path(const std::string& context) {
  return context.find('/') != std::string::npos;
}

}  // namespace

std::string public_text(const Error& error) {
  if (error.code.category() != helper_category()) {
    return "failed: the journal of the helper says why";
  }
  const auto code = static_cast<Errc>(error.code.value());
  if (has_own_words(code) && !names_a_path(error.context)) {
    return error.text();
  }
  return error.code.message() + ": " + advice(code);
}

}  // namespace agp::core
