#pragma once

#include "cli/daemon_client.h"
#include "cli/doctor/sources.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

/// `doctor`: a table of checks, from the machine to the calls, and what each one found.
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
  Facts(Daemon* daemon, doctor::Sources* sources) : daemon_(daemon), sources_(sources) {}

  /// The document antigravity-proxy.status.v1, or why there is none.
  [[nodiscard]] const Answer<boost::json::object>& status();
  /// A part of it; null when there is no status or no such part.
  [[nodiscard]] const boost::json::object* status_part(std::string_view key);
  /// A problem that it names, by its code; null when it does not.
  [[nodiscard]] const boost::json::object* problem(std::string_view code);
  /// When the newest of all records began, RFC 3339; empty when there is none.
  [[nodiscard]] std::string newest_record();
  /// The newest calls to Google's Code Assist hosts, which only the language server makes.
  [[nodiscard]] const Answer<boost::json::array>& calls();
  /// The files of antigravity-proxy.ide-patch.v1.
  [[nodiscard]] const Answer<boost::json::array>& extensions();

  [[nodiscard]] bool is_root() { return sources_->is_root(); }
  [[nodiscard]] const doctor::Machine& machine();
  [[nodiscard]] const Answer<doctor::SystemBus>& system_bus();
  [[nodiscard]] const Answer<std::vector<doctor::Unit>>& units();
  /// Null when the service manager does not answer.
  [[nodiscard]] const doctor::Unit* unit(std::string_view name);
  [[nodiscard]] const std::vector<doctor::Listener>& listeners();
  [[nodiscard]] const doctor::Configuration& configuration();
  [[nodiscard]] bool is_service_hung();
  [[nodiscard]] const std::vector<doctor::Endpoint>& endpoints();
  /// Not asked while nothing needs it: that would start it.
  [[nodiscard]] const Answer<doctor::Helper>& helper();
  [[nodiscard]] const doctor::Trust& trust();
  [[nodiscard]] const doctor::Reaches& upstream();
  [[nodiscard]] const doctor::Reaches& captured();

 private:
  [[nodiscard]] const Answer<boost::json::array>& records();

  Daemon* daemon_;
  doctor::Sources* sources_;
  std::optional<Answer<boost::json::object>> status_;
  std::optional<Answer<boost::json::array>> records_;
  std::optional<Answer<boost::json::array>> calls_;
  std::optional<Answer<boost::json::array>> extensions_;
  std::optional<doctor::Machine> machine_;
  std::optional<Answer<doctor::SystemBus>> system_bus_;
  std::optional<Answer<std::vector<doctor::Unit>>> units_;
  std::optional<std::vector<doctor::Listener>> listeners_;
  std::optional<doctor::Configuration> configuration_;
  std::optional<bool> is_service_hung_;
  std::optional<std::vector<doctor::Endpoint>> endpoints_;
  std::optional<Answer<doctor::Helper>> helper_;
  std::optional<doctor::Trust> trust_;
  std::optional<doctor::Reaches> upstream_;
  std::optional<doctor::Reaches> captured_;
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
