#pragma once

#include "common/base/unique_fd.h"
#include "daemon/ls/helper_port.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <sys/types.h>

/// The Go doubles of tests/fakes as children of a test.
namespace agp::ls {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Where the doubles were built to (AGP_DOUBLES), nothing when they were not: skip the test.
[[nodiscard]] std::optional<std::filesystem::path> built_doubles();

/// A child that dies with the test.
class Child {
 public:
  struct Options {
    int input = -1;             // standard input, the test's own when negative
    std::optional<uid_t> user;  // and group of the same number; needs root
  };
  Child(const std::vector<std::string>& words, const Environment& environment)
      : Child(words, environment, Options{}) {}
  Child(const std::vector<std::string>& words,
        const Environment& environment,
        const Options& options);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The first line with this text; empty when the child ended before it said so.
  std::string line_with(const std::string& text);
  /// The same line as the JSON object that it is; empty when there is none.
  boost::json::object event_with(const std::string& text);
  /// Asks it to end, and waits until it has.
  void stop();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
};

/// Starts the language server as the root helper would, less the account and the sandbox.
class DirectHelper final : public HelperPort {
 public:
  std::string binary;
  Environment environment;

  boost::asio::awaitable<Result<>> ensure_redirect() override;
  boost::asio::awaitable<Result<>> ensure_trust_bundle(std::string pem) override;
  boost::asio::awaitable<Result<control::StartedLs>> start_language_server(
      control::StartSpec spec) override;
  boost::asio::awaitable<Result<>> stop_language_server(std::string id) override;
  boost::asio::awaitable<Result<control::HelperStatus>> status() override;

 private:
  std::unique_ptr<Child> child_;
};

}  // namespace agp::ls
