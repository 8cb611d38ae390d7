#pragma once

#include "daemon/ls/process_scan.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace agp::ls {

/// SessionFinder that asks antigravity-proxy-finder, a process of its own that may see what this
/// one may not. Its word counts as little as that of /proc: what cannot be is an error.
class RemoteFinder final : public SessionFinder {
 public:
  struct Options {
    std::string socket;                             // where it is asked
    std::string user = "auto";                      // proxy.yaml: language_server.user
    std::string own_ls_account = "antigravity-ls";  // never an IDE's
    /// For one question, with the start of the finder. A stop of ours waits for it at most so long.
    std::chrono::steady_clock::duration limit = std::chrono::seconds(5);
  };

  explicit RemoteFinder(Options options) : options_(std::move(options)) {}
  /// @return Errc::user_unknown or Errc::scan_failed of control.
  [[nodiscard]] Result<Found> find(std::optional<std::uint64_t> keep) override;

 private:
  [[nodiscard]] Result<std::string> ask(const std::string& question,
                                        std::chrono::steady_clock::time_point until) const;
  /// Whether the session is of somebody whose session may be used.
  [[nodiscard]] bool may_use(const Session& session) const;

  Options options_;
};

}  // namespace agp::ls
