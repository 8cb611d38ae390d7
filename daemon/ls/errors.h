#pragma once

#include <string_view>

#include <boost/system/error_code.hpp>

namespace agp::ls {

/// Failures of driving a language server. The first group are the codes of the Connect protocol.
enum class Errc {
  canceled = 1,
  unknown,
  invalid_argument,
  deadline_exceeded,
  not_found,
  already_exists,
  permission_denied,
  resource_exhausted,
  failed_precondition,
  aborted,
  out_of_range,
  unimplemented,
  internal,
  unavailable,
  data_loss,
  unauthenticated,

  not_ready = 100,       // no language server can be driven now; the context says what is missing
  unreachable,           // connection refused, reset, or TLS failed
  certificate_mismatch,  // TLS, but not with the certificate of this install
  bad_answer,            // not what the protocol says
  too_large,             // an answer past the limit
  unknown_model,         // the context names the known ones
  model_failed,          // the model or its service answered with an error; the context is its text
  needs_user,            // the turn waits for a confirmation that nobody can give here
  no_answer,             // the turn ended, or never began, without an answer
  stalled,               // nothing happened for longer than the limit
  busy,                  // the conversation works on earlier messages
  disabled,              // the language server knows the method but has it switched off
};

[[nodiscard]] const boost::system::error_category& category() noexcept;

[[nodiscard]] inline boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/// "not_found" and the like; anything else is `unknown`. Source: Connect protocol, error codes.
[[nodiscard]] Errc connect_code(std::string_view name);

}  // namespace agp::ls

template <>
struct boost::system::is_error_code_enum<agp::ls::Errc> : std::true_type {};
