#pragma once

#include "daemon/control/problems.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What goes to and fro between the life cycle and its driver.
namespace agp::control {

using Duration = std::chrono::steady_clock::duration;

/// What the life cycle knows of an IDE session. Ports and tokens stay in the driver; a change of
/// any of them changes the fingerprint.
struct IdeSession {
  std::uint64_t fingerprint = 0;
  std::string user;
  std::string binary_path;  // may be empty
  bool operator==(const IdeSession&) const = default;
};

/// What keeps a look from seeing everything, and what to do about it.
struct Obstacle {
  std::string message;
  std::string remedy;
  bool operator==(const Obstacle&) const = default;
};

/// The outcome of one look at the process table.
struct ScanOutcome {
  std::optional<IdeSession> session;
  std::vector<std::string> candidates;  // several users, and nothing says which: their names
  std::string hint;  // why something that was found cannot be used, a sentence, or empty
  std::optional<Obstacle> obstacle;  // nothing was found, but something may be there unseen
};

// Commands, in the order in which they are to be carried out. Each asynchronous one has exactly
// one answer, given to the method named beside it.
struct EnsureTrustBundle {};  // on_trust_bundle
struct EnsureRedirect {};     // on_redirect
struct RemoveRedirect {};     // on_redirect_removed
struct QueryHelper {};        // on_helper_status
struct ScanForIde {};         // on_scan
struct StartLs {              // on_ls_started
  std::uint64_t fingerprint = 0;
  std::uint32_t binary_index = 0;
  std::string binary_path;
};
struct ProbeLs {  // on_probe
  std::string id;
};
struct StopLs {  // on_ls_stopped
  std::string id;
};
/// Replaces the timer that was armed before; on_timer with this id when it fires.
struct ArmTimer {
  std::uint64_t id = 0;
  Duration after{};
};
struct ClearProblem {
  std::string code;
};
struct CaptureActive {
  bool active = false;
};
/// The language server can (or can no longer) be driven.
struct LsUsable {
  bool usable = false;
  std::string id;
};
struct Stopped {};

using Command = std::variant<EnsureTrustBundle,
                             EnsureRedirect,
                             RemoveRedirect,
                             QueryHelper,
                             ScanForIde,
                             StartLs,
                             ProbeLs,
                             StopLs,
                             ArmTimer,
                             ReportProblem,
                             ClearProblem,
                             CaptureActive,
                             LsUsable,
                             Stopped>;

}  // namespace agp::control
