#pragma once

#include "daemon/ls/endpoint.h"
#include "tests/daemon/ls/child.h"
#include "tests/daemon/ls/temp_dir.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The Go doubles of tests/fakes as children of a test.
namespace agp::ls {

/// Where the doubles were built to (AGP_DOUBLES), nothing when they were not: skip the test.
[[nodiscard]] std::optional<std::filesystem::path> built_doubles();

/// A fake upstream on a port of its own, with its certificates.
class FakeUpstream {
 public:
  FakeUpstream();
  [[nodiscard]] Environment environment() const;

 private:
  TempDir dir_;
  std::string port_;
  Child child_;
};

/// A fake IDE whose own language server calls the fake upstream: what there is to drive without a
/// helper and a supervisor.
class FakeIde {
 public:
  using Knobs = std::vector<std::pair<std::string, std::string>>;

  /// @param upstream  nothing: no model is called.
  /// @param knobs     of the language server, as in tests/fakes/README.md.
  /// @param more      words of fake-ide's command line.
  FakeIde(const FakeUpstream* upstream,
          const std::string& era,
          const Knobs& knobs = {},
          const Words& more = {});

  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const { return endpoint_; }
  /// The language server's log, where it was asked for by the knob log_text.
  Child& child() { return *child_; }

 private:
  TempDir dir_;
  std::unique_ptr<Child> child_;
  std::shared_ptr<const Endpoint> endpoint_;
};

}  // namespace agp::ls
