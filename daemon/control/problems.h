#pragma once

#include "common/base/result.h"

#include <string>
#include <vector>

/// What keeps capture or the language server from being there, in words for people.
namespace agp::control {

enum class Severity { waiting, failing };
struct ReportProblem {
  std::string code;     // stable: programs compare it
  std::string message;  // what is wrong
  std::string remedy;   // what to do about it
  Severity severity = Severity::failing;
  bool operator==(const ReportProblem&) const = default;
};

// Codes.
constexpr const char* kHelperProblem = "helper";
constexpr const char* kIdeProblem = "ide";
constexpr const char* kUserProblem = "language-server-user";
constexpr const char* kScanProblem = "process-scan";
constexpr const char* kBinaryProblem = "language-server-binary";
constexpr const char* kServerProblem = "language-server";
constexpr const char* kHeldProblem = "language-server-stopped";
constexpr const char* kReleasedProblem = "capture-off";

/// @param what  the helper was asked to do, as in "cannot ...".
[[nodiscard]] ReportProblem helper_problem(const Error& error, const std::string& what);
/// @param user  language_server.user.
[[nodiscard]] ReportProblem scan_problem(const Error& error, const std::string& user);
[[nodiscard]] ReportProblem several_users(const std::vector<std::string>& names);
/// @param hint  why something that was found cannot be used, or empty.
[[nodiscard]] ReportProblem no_ide(const std::string& user, const std::string& hint);
/// @param refused  binaries, each with the reason.
[[nodiscard]] ReportProblem no_binary(const std::vector<std::string>& refused);
[[nodiscard]] ReportProblem server_not_started(const Error& error);
[[nodiscard]] ReportProblem server_silent(const Error& error);
[[nodiscard]] ReportProblem server_fell_silent(const Error& error);
/// @param how  as end_text says it.
[[nodiscard]] ReportProblem server_ended(const std::string& how);
[[nodiscard]] ReportProblem crash_loop(const std::string& how);
[[nodiscard]] ReportProblem stopped_on_request();
[[nodiscard]] ReportProblem released_on_request();

/// How a unit ended, from systemd's Result and the status that goes with it.
[[nodiscard]] std::string end_text(const std::string& result, int status);

/// Those that stand, one for each code.
class Problems {
 public:
  /// @return false when just that was said already.
  [[nodiscard]] bool add(const ReportProblem& problem);
  /// @return whether there was one.
  [[nodiscard]] bool remove(const std::string& code);

 private:
  std::vector<ReportProblem> standing_;
};

}  // namespace agp::control
