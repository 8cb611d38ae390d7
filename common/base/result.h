#pragma once

#include <string>
#include <utility>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace agp {

/// What went wrong (`code`, compared by tests and callers) and what was being tried (`context`,
/// for people only: never compared, never containing content, credentials or query strings).
struct Error {
  boost::system::error_code code;
  std::string context;

  Error() = default;
  Error(boost::system::error_code c, std::string what) : code(c), context(std::move(what)) {}

  /// "context: message", for logs and for people.
  [[nodiscard]] std::string text() const;
};

/// Ends the process: taking the value of a failed Result is a bug, never an outcome.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& at);

/// The one carrier of failure. Absent is std::optional, wrong is Result, impossible is assert.
template <class T = void>
using Result = boost::system::result<T, Error>;

/// `errno` as an Error.
[[nodiscard]] Error errno_error(std::string context);
[[nodiscard]] Error errno_error(int number, std::string context);

}  // namespace agp
