#pragma once

#include "cli/doctor.h"
#include "tests/cli/doctor/fake_sources.h"
#include "tests/cli/fake_daemon.h"

#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace agp::cli {

inline const std::string kHealthy = R"({"schema":"antigravity-proxy.status.v1",
  "generated_at":"2025-11-22T10:00:00.000000Z","state":"ok","version":"1.0",
  "capture":{"mode":"service","active":true},"helper":{"reachable":true},
  "redirect":{"ipv4":true,"ipv6":true},
  "ca":{"not_after":"2026-11-22T10:00:00.000000Z","file":"x"},
  "ledger":{"records":5,"health":"ok","lost":0},
  "language_server":{"mode":"managed","state":"running","waits_for":null,"user":"dev"},
  "interception":{"intercepted":5,"unparsed":0,"refused_by_client":[],"refused_by_upstream":[]},
  "metrics_export":{"receiver":"http://127.0.0.1:4318","health":"ok","last_error":null,
    "last_sent_at":"2025-11-22T09:59:30Z","waiting":0,"waiting_bytes":0,"max_waiting_bytes":4194304,
    "oldest_waiting_at":null,"dropped":{"refused":0,"no_room":0,"unwritable":0,"unreadable":0}},
  "policy":{"generation":1,"faults":[]},"problems":[]})";

inline const std::string kCall = R"({"host":"daily-cloudcode-pa.googleapis.com","protocol":"h2",
  "started_at":"2025-11-22T09:00:00.000000Z","request_kind":"agent","cascade_source":"exact",
  "cascade_confirmed":true,"outcome":"ok","usage_state":"final","flags":[]})";

inline std::string records_of(const std::string& calls) {
  return R"({"records":[)" + calls + R"(],"next_cursor":null})";
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// A language server's binary as far as the checks look.
class LanguageServerStandIn {
 public:
  LanguageServerStandIn() {
    ::close(::mkstemp(path_.data()));
    write("\xff Go buildinf: csrf_token extension_server_port cloud_code_endpoint");
  }
  LanguageServerStandIn(const LanguageServerStandIn&) = delete;
  LanguageServerStandIn& operator=(const LanguageServerStandIn&) = delete;
  LanguageServerStandIn(LanguageServerStandIn&&) = delete;
  LanguageServerStandIn& operator=(LanguageServerStandIn&&) = delete;
  ~LanguageServerStandIn() { ::unlink(path_.c_str()); }
  void write(const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/agp-doctor-ls-XXXXXX";
};

/// A machine on which all is well, and what doctor finds on it.
struct HealthyMachine {
  HealthyMachine() {
    daemon.status_answer = kHealthy;
    daemon.records_answer = records_of(kCall);
    daemon.ide_patch_answer =
        R"({"files":[{"path":"/opt/x","state":"not_applicable","detail":"0 matches"}]})";
    sources.configuration_seen.binaries = {binary.path()};
    sources.helper_state().binaries = {{binary.path(), true, ""}};
  }

  FakeDaemon daemon;
  LanguageServerStandIn binary;
  doctor::FakeSources sources;

  /// Takes the place of a part of the status.
  void say(const std::string& from, const std::string& to) {
    daemon.status_answer = replaced(std::get<std::string>(daemon.status_answer), from, to);
  }
  /// The service says so and is degraded.
  void complain(const std::string& code, const std::string& message, const std::string& remedy) {
    say(R"("state":"ok","version")", R"("state":"degraded","version")");
    say(R"("problems":[])", R"("problems":[{"code":")" + code + R"(","message":")" + message +
                                R"(","remedy":")" + remedy + R"(","severity":"failing"}])");
  }

  std::map<std::string, Finding> examine() {
    Facts facts(&daemon, &sources);
    std::map<std::string, Finding> found;
    for (const auto& check : doctor_checks()) {
      found[check.id] = check.look(facts);
    }
    return found;
  }
};

}  // namespace agp::cli
