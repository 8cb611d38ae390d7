#pragma once

#include "common/base/unique_fd.h"
#include "daemon/ls/endpoint.h"
#include "tests/daemon/ls/temp_dir.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace agp::ls {

/// A child that dies with the test; what it says on stdout is read, its stderr is the test's, or
/// read as well.
class Double {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  Double(const std::vector<std::string>& words,
         const Environment& environment,
         bool reads_stderr = false);
  ~Double();
  Double(const Double&) = delete;
  Double& operator=(const Double&) = delete;

  /// The first line with this text; empty when the child ended before it said so.
  std::string line_with(const std::string& text);

 private:
  pid_t pid_ = -1;
  UniqueFd out_;
  std::string received_;
};

/// The folder with the built doubles; empty: the test has to be skipped.
[[nodiscard]] std::string doubles();

/// A fake upstream on a port of its own, with its certificates.
class FakeUpstream {
 public:
  FakeUpstream();
  [[nodiscard]] Double::Environment environment() const;

 private:
  TempDir dir_;
  std::string port_;
  Double child_;
};

/// A fake IDE whose own language server calls the fake upstream: what there is to drive without a
/// helper and a supervisor.
class FakeIde {
 public:
  using Knobs = std::vector<std::pair<std::string, std::string>>;

  /// @param knobs  of the language server, as in tests/fakes/README.md.
  FakeIde(const FakeUpstream& upstream, const std::string& era, const Knobs& knobs = {});

  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const { return endpoint_; }
  /// The language server's log, where it was asked for by the knob log_text.
  Double& child() { return *child_; }

 private:
  TempDir dir_;
  std::unique_ptr<Double> child_;
  std::shared_ptr<const Endpoint> endpoint_;
};

}  // namespace agp::ls
