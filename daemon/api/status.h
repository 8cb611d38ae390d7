#pragma once

#include "daemon/api/export_status.h"
#include "daemon/api/failed_callers.h"
#include "daemon/api/interception_status.h"
#include "daemon/ledger/ledger.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What `status` says, whoever asks: HTTP, D-Bus and the command show the same document.
namespace agp::api {

struct Problem {
  enum class Severity {
    waiting,  // nothing is wrong: somebody outside has to act, or asked for this
    failing,  // less is done than promised
  };
  std::string code;     // stable word for programs
  std::string message;  // what is wrong, or waited for
  std::string remedy;   // what to do about it
  Severity severity = Severity::failing;

  friend bool operator==(const Problem&, const Problem&) = default;
};

/// Addresses by purpose: "127.0.0.1:8741".
struct Sockets {
  std::vector<std::string> api;
  std::vector<std::string> intercept;
  std::vector<std::string> connect;  // HTTP CONNECT
  std::vector<std::string> reverse;  // "127.0.0.1:8743 for https://api.example.com"
};

/// The daemon's own language server: how it is, and how it came to that.
struct LanguageServerStatus {
  std::string mode;                      // "managed", "off"
  std::string state;                     // "running", "probing", "crash-loop", ...
  std::optional<std::string> waits_for;  // in words: "the IDE of user NAME to be started"
  std::optional<std::string> instance;
  std::optional<std::string> user;
  bool is_held = false;       // stopped on request, until it is started again
  bool is_settled = true;     // nothing changes by itself within seconds
  bool is_usable = false;     // it can be driven
  std::uint64_t crashes = 0;  // ends of its own in a row
  struct Exit {
    std::string result;  // systemd's word: "exit-code", "signal", "oom-kill", ...
    int status = 0;      // exit status, or number of the signal
    usage::Micros at{};
  };
  std::optional<Exit> last_exit;
  /// What it wrote last, without secrets; for those who may drive it.
  std::vector<std::string> log;
};

/// Filled by the composition root. An empty optional is "not known", never "no".
struct StatusReport {
  enum class State {
    ok,        // doing its work
    waiting,   // as ok: nothing is wrong, and a problem says whom it waits for, or who stopped it
    degraded,  // going on, with less than promised: a problem is failing
  };
  State state = State::ok;
  std::string version;
  std::optional<usage::Micros> started_at;

  std::string capture_mode;  // "service", "off"
  bool capture_active = false;
  bool capture_released = false;   // switched off on request, until it is switched on again
  bool capture_is_settled = true;  // it is as it was asked for, or known that this takes longer
  std::optional<bool> helper_reachable;
  std::optional<bool> redirect_v4;
  std::optional<bool> redirect_v6;
  std::string egress;            // of the language server: "metered", "strict"; empty: not known
  std::string egress_guard;      // as the helper's interface says
  std::string firewall_backend;  // who holds the rules: "nftables", "iptables"; empty: not known
  std::string firewall_reason;   // why it is this one, for people
  std::optional<bool> limits_enforced;  // of memory and tasks, by the service manager
  /// Rules that other programs removed and that were put back, since the start.
  std::uint64_t redirect_repairs = 0;
  std::optional<usage::Micros> redirect_repaired_at;
  std::vector<std::string> redirect_lost;  // by the last of these: "IPv4 filter", ...
  std::optional<usage::Micros> ca_not_after;
  std::string ca_file;

  std::optional<ledger::Summary> ledger_summary;
  ledger::Health ledger_health;
  std::string price_version;  // of the table that estimates use; empty: there is none
  std::string price_date;     // when its list was published: "2026-09-23"

  LanguageServerStatus language_server;

  Sockets sockets;
  FailedCallers::Counts failed_callers;  // of the HTTP API
  std::optional<InterceptionStatus> interception;
  std::optional<ExportStatus> metrics_export;  // empty: nothing is exported

  /// What connections are judged by.
  struct Policy {
    std::uint64_t generation = 0;
    std::string loaded_at;
    std::vector<std::string> faults;  // of the last reload, which kept the old policy
    std::vector<std::string> warnings;
    std::vector<std::string> waiting_for_restart;  // changed keys of proxy.yaml
    std::vector<std::string> rewritten;            // hosts whose messages may be changed or refused
    std::vector<std::string> request_rules;        // hosts where the model is asked something else
  };
  std::optional<Policy> policy;

  std::vector<Problem> problems;
};

/// Adds what ledger and policy say as problems, and makes the state of all problems: the worst one
/// decides.
void judge(StatusReport& report);

/// All of it in one line, for `systemctl status`: whether calls are captured, and what is wrong or
/// waited for. Well-formed UTF-8 without control characters, 300 octets at most.
[[nodiscard]] std::string status_line(const StatusReport& report);

/// The word of the document.
[[nodiscard]] const char* to_string(StatusReport::State state);

/// What may be shown to those who may not drive the language server.
[[nodiscard]] StatusReport without_log(StatusReport report);

[[nodiscard]] std::string render_status(const StatusReport& report, usage::Micros now);

/// Whether calls are captured, by what, and what keeps that from being so: the document
/// antigravity-proxy.capture.v1.
[[nodiscard]] std::string render_capture(const StatusReport& report, usage::Micros now);

/// The part about the language server, with the problems that keep it from running: the document
/// antigravity-proxy.language-server.v1.
[[nodiscard]] std::string render_language_server(const StatusReport& report, usage::Micros now);

}  // namespace agp::api
