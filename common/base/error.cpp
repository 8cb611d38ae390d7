#include "common/base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace agp {

std::string Error::text() const {
  if (context.empty()) {
    return code.message();
  }
  if (!code) {
    return context;
  }
  return context + ": " + code.message();
}

void throw_exception_from_error(const Error& error, const boost::source_location& at) {
  std::fprintf(stderr, "bug: value taken from a failed result at %s:%u: %s\n", at.file_name(),
               static_cast<unsigned>(at.line()), error.text().c_str());
  std::abort();
}

Error errno_error(int number, std::string context) {
  return {boost::system::error_code(number, boost::system::system_category()), std::move(context)};
}

Error errno_error(std::string context) {
  return errno_error(errno, std::move(context));
}

}  // namespace agp
