#pragma once

#include "cli/daemon_client.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

/// `doctor`: a table of checks, from the service outwards, and what each one found.
namespace agp::cli {

/// What one check found.
struct Finding {
  enum class State {
    ok,
    failed,
    unknown,         // cannot be told now: `remedy` says what it takes
    not_applicable,  // nothing to check on this machine or with this configuration
  };
  State state = State::ok;
  std::string seen;    // what was looked at, and what it said
  std::string remedy;  // what to do about it; empty when nothing is
};

[[nodiscard]] const char* to_string(Finding::State state);

/// What the checks look at. Each source is asked at most once, and only when a check needs it.
class Facts {
 public:
  /// The binaries that helper.yaml allows; a Failure when it cannot be read.
  using Binaries = std::function<Answer<std::vector<std::string>>()>;

  Facts(Daemon* daemon, Binaries binaries) : daemon_(daemon), binaries_(std::move(binaries)) {}

  /// The document antigravity-proxy.status.v1, or why there is none.
  [[nodiscard]] const Answer<boost::json::object>& status();
  /// A part of it; null when there is no status or no such part.
  [[nodiscard]] const boost::json::object* status_part(std::string_view key);
  /// The newest calls to Google's Code Assist hosts, which only the language server makes.
  [[nodiscard]] const Answer<boost::json::array>& calls();
  /// The files of antigravity-proxy.ide-patch.v1.
  [[nodiscard]] const Answer<boost::json::array>& extensions();
  [[nodiscard]] const Answer<std::vector<std::string>>& binaries();

 private:
  Daemon* daemon_;
  Binaries binaries_;
  std::optional<Answer<boost::json::object>> status_;
  std::optional<Answer<boost::json::array>> calls_;
  std::optional<Answer<boost::json::array>> extensions_;
  std::optional<Answer<std::vector<std::string>>> binary_paths_;
};

struct Check {
  const char* id;     // "ls.go": stable; docs/compatibility.md and the manual name it
  const char* layer;  // checks of one layer follow each other
  const char* about;  // what is true when it is ok
  Finding (*look)(Facts& facts);
};

/// The table. A new check is a function and a line there.
[[nodiscard]] std::span<const Check> doctor_checks();

}  // namespace agp::cli
