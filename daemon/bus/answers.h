#pragma once

#include "common/base/result.h"
#include "daemon/api/usage_question.h"
#include "daemon/api/visibility.h"
#include "daemon/bus/daemon_ports.h"

#include <cstdint>
#include <map>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace agp::daemon_bus {

/// What callers are told who are known: the same documents as over HTTP, of what `who` may see. On
/// the executor of the bus; the ledger is asked on the pool. An error is for the caller.
class Answers {
 public:
  using Text = boost::asio::awaitable<Result<std::string>>;
  using Totals = std::map<std::string, std::uint64_t>;

  /// @param ports  outlive the object.
  explicit Answers(const DaemonPorts* ports) : ports_(ports) {}

  [[nodiscard]] Text usage(api::Visibility who, api::Parameters question) const;
  [[nodiscard]] Text records(api::Visibility who, api::Parameters question) const;
  [[nodiscard]] Text quota_history(api::Visibility who, api::Parameters question) const;
  [[nodiscard]] Text why(api::Visibility who, api::Parameters question) const;
  [[nodiscard]] boost::asio::awaitable<Result<Totals>> totals(api::Visibility who) const;

  [[nodiscard]] Text quota(api::Visibility who) const;
  [[nodiscard]] Text models(api::Visibility who) const;
  [[nodiscard]] Text sessions(api::Visibility who) const;

  [[nodiscard]] Text status(api::Visibility who) const;
  [[nodiscard]] Text language_server(api::Visibility who) const;
  [[nodiscard]] Text capture() const;
  [[nodiscard]] Text ca() const;

  [[nodiscard]] Text policy() const;
  /// @param method, path  both or none.
  [[nodiscard]] Text check_policy(std::string host, std::string method, std::string path) const;

 private:
  [[nodiscard]] api::StatusReport status_for(const api::Visibility& who) const;

  const DaemonPorts* ports_;
};

}  // namespace agp::daemon_bus
