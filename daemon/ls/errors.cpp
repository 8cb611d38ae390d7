#include "daemon/ls/errors.h"

#include <array>
#include <string>
#include <utility>

namespace agp::ls {
namespace {

using Named = std::pair<Errc, std::string_view>;
constexpr std::array<Named, 16> kConnectCodes = {{
    {Errc::canceled, "canceled"},
    {Errc::unknown, "unknown"},
    {Errc::invalid_argument, "invalid_argument"},
    {Errc::deadline_exceeded, "deadline_exceeded"},
    {Errc::not_found, "not_found"},
    {Errc::already_exists, "already_exists"},
    {Errc::permission_denied, "permission_denied"},
    {Errc::resource_exhausted, "resource_exhausted"},
    {Errc::failed_precondition, "failed_precondition"},
    {Errc::aborted, "aborted"},
    {Errc::out_of_range, "out_of_range"},
    {Errc::unimplemented, "unimplemented"},
    {Errc::internal, "internal"},
    {Errc::unavailable, "unavailable"},
    {Errc::data_loss, "data_loss"},
    {Errc::unauthenticated, "unauthenticated"},
}};
constexpr std::array<Named, 12> kOwn = {{
    {Errc::not_ready, "no language server can be used at the moment"},
    {Errc::unreachable, "the language server cannot be reached"},
    {Errc::certificate_mismatch, "the certificate is not the one of this install"},
    {Errc::bad_answer, "the language server answered something unexpected"},
    {Errc::too_large, "the answer is too large"},
    {Errc::unknown_model, "there is no such model"},
    {Errc::model_failed, "the model could not answer"},
    {Errc::needs_user, "the model wants a confirmation that nobody can give here"},
    {Errc::no_answer, "the turn ended without an answer"},
    {Errc::stalled, "the turn made no progress"},
    {Errc::busy, "the conversation works on earlier messages"},
    {Errc::disabled, "the language server has this switched off"},
}};

// Boost's destructor is protected: nobody can delete through the base.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "agp.ls"; }
  std::string message(int value) const override {
    for (const auto& [code, text] : kConnectCodes) {
      if (static_cast<int>(code) == value) {
        return std::string(text);
      }
    }
    for (const auto& [code, text] : kOwn) {
      if (static_cast<int>(code) == value) {
        return std::string(text);
      }
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

Errc connect_code(std::string_view name) {
  for (const auto& [code, text] : kConnectCodes) {
    if (text == name) {
      return code;
    }
  }
  return Errc::unknown;
}

}  // namespace agp::ls
