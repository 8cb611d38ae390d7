#pragma once

#include "common/base/unique_fd.h"
#include "helper/core/ports.h"
#include "helper/core/start_plan.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace agp::core {

struct StartedServer {
  std::string id;
  std::string unit;
  bool has_one_token = false;  // as in StartPlan
};

/// Standard streams of a language server, taken over.
struct ServerStreams {
  UniqueFd input;
  UniqueFd log;  // not open: the journal
};

/// Starts language servers; whether one may start is for others to say.
class ServerLauncher {
 public:
  /// @param fresh_id 32 hexadecimal digits. What is pointed to outlives this object.
  ServerLauncher(UnitManager* units,
                 Programs* programs,
                 StartSecrets* secrets,
                 TrustStore* trust,
                 std::function<Result<std::string>()> fresh_id)
      : units_(units),
        programs_(programs),
        secrets_(secrets),
        trust_(trust),
        fresh_id_(std::move(fresh_id)) {}

  /// @return Errc::limits when as many run as may run.
  [[nodiscard]] Result<> check_room();
  /// What the program says it understands.
  [[nodiscard]] Result<ProgramFlags> flags_of(const std::string& binary);
  [[nodiscard]] Result<StartedServer> launch(const std::string& binary,
                                             const StartPlan& plan,
                                             const ServerStreams& streams,
                                             Interfaces interfaces);

 private:
  struct KnownFlags {
    FileIdentity identity;
    ProgramFlags flags;
  };

  UnitManager* units_;
  Programs* programs_;
  StartSecrets* secrets_;
  TrustStore* trust_;
  std::function<Result<std::string>()> fresh_id_;
  // By path. A cache: the program itself is the truth, and is asked again when its file changed.
  std::map<std::string, KnownFlags> known_flags_;
};

}  // namespace agp::core
