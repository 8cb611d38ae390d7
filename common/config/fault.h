#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace agp::config {

/// Where a value was written. Lines and columns start at 1; line 0 means the file as a whole.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;

  /// "proxy.yaml:3:17" or "proxy.yaml".
  [[nodiscard]] std::string text() const;
};

/// One thing that is wrong with the configuration and where.
struct Fault {
  Position at;
  std::string key;  // dotted; empty when the fault belongs to no key
  std::string message;

  /// "proxy.yaml:3:17: max_body: expected a size such as 64KiB, got "lots"".
  [[nodiscard]] std::string text() const;
};

/// Everything that is wrong, not only the first thing.
struct Faults {
  std::vector<Fault> list;

  [[nodiscard]] bool empty() const { return list.empty(); }
  void append(Faults other);
  /// One line for each fault, each ending in a line feed.
  [[nodiscard]] std::string text() const;
};

/// A value, or all the reasons why there is none.
template <class T = void>
using Checked = boost::system::result<T, Faults>;

/// Ends the process: taking the value of a failed Checked is a bug, never an outcome.
[[noreturn]] void throw_exception_from_error(const Faults& faults,
                                             const boost::source_location& at);

/// What the user wrote, in quotes, shortened and without control characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace agp::config
