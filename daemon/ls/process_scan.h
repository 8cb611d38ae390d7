#pragma once

#include "common/base/result.h"
#include "daemon/control/lifecycle.h"
#include "daemon/ls/session.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace agp::ls {

/// One look at the machine for the IDE's session. Blocking: run it on a worker.
class SessionFinder {
 public:
  struct Found {
    control::ScanOutcome outcome;    // what the life cycle decides on
    std::optional<Session> session;  // with tokens, for the driver alone
  };

  virtual ~SessionFinder() = default;
  /// @param keep  fingerprint of the session in use, preferred as long as it exists.
  [[nodiscard]] virtual Result<Found> find(std::optional<std::uint64_t> keep) = 0;
};

/// SessionFinder over /proc. Reads only what is world readable, and sends no signal to anybody.
class ProcessScan final : public SessionFinder {
 public:
  struct Options {
    std::string user = "auto";                      // proxy.yaml: language_server.user
    std::string own_ls_account = "antigravity-ls";  // never an IDE's
    std::string proc = "/proc";
  };

  explicit ProcessScan(Options options);
  /// @return Errc::user_unknown or Errc::scan_failed of control.
  [[nodiscard]] Result<Found> find(std::optional<std::uint64_t> keep) override;

 private:
  Options options_;
};

}  // namespace agp::ls
