#pragma once

#include "common/base/unique_fd.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <sys/types.h>

namespace agp::ls {

using Words = std::vector<std::string>;
/// What is set on top of the test's own environment.
using Environment = std::map<std::string, std::string>;

/// A program as a child of a test, dead at the latest when the test is.
class Child {
 public:
  enum class Log { inherited, dropped, in_output };  // what it writes to standard error
  struct Options {
    int input = -1;   // its standard input; negative: the test's own
    int output = -1;  // its standard output; negative: what line_with() reads
    Log log = Log::inherited;
    std::optional<uid_t> user;  // and group of the same number; needs root
  };
  Child(const Words& words, const Environment& environment)
      : Child(words, environment, Options{}) {}
  Child(const Words& words, const Environment& environment, const Options& options);
  ~Child() { stop(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The first line with this text; empty when the child ended before it said so.
  std::string line_with(const std::string& text);
  /// The same line as the JSON object that it is; empty when there is none.
  boost::json::object event_with(const std::string& text);
  /// All that it has not been asked for yet, up to its end.
  std::string rest();

  void signal(int number) const;
  /// Asks it to end, and waits until it has.
  void stop();
  /// @return as waitpid says it.
  int wait();
  [[nodiscard]] bool has_ended();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  [[nodiscard]] bool receive();

  pid_t pid_ = -1;
  std::optional<int> status_;
  UniqueFd out_;
  std::string received_;
};

}  // namespace agp::ls
