#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "daemon/api/caller.h"
#include "daemon/api/failed_callers.h"
#include "daemon/api/login_port.h"
#include "daemon/api/long_answers.h"
#include "daemon/api/status.h"
#include "daemon/api/turn_answers.h"
#include "daemon/api/turn_port.h"
#include "daemon/api/visibility.h"
#include "daemon/metrics/report.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::api {

/// Starting values of security.md section 10.
struct ServerLimits {
  std::size_t connections = 128;
  std::size_t head_bytes = 64 * 1024;
  std::size_t body_bytes = 32 * 1024 * 1024;
  std::chrono::milliseconds head_deadline{10'000};   // from the first byte awaited to the last
  std::chrono::milliseconds idle_deadline{60'000};   // between requests
  std::chrono::milliseconds body_deadline{300'000};  // whole body
  std::chrono::milliseconds linger_deadline{1'000};  // for a client to read our last answer
  LongAnswerLimits long_answers;
  TurnLimits turns;
  FailedCallers::Limits failed_callers;
};

/// Everything the server asks others for. All of it outlives the server.
struct ServerPorts {
  ledger::Ledger* ledger = nullptr;
  TurnPort* turns = nullptr;  // null: POST /v1/responses and chat completions answer 503
  /// Seals the ids of responses; the same after a restart. Null: no response can be continued.
  openai::ResponseIds::Seal seal;
  LoginPort* logins = nullptr;  // null: nothing is known of quota and sessions
  std::function<StatusReport()> status;
  /// Empty: nothing is known of calls.
  std::function<metrics::Report()> metrics;
  VisibilityRules visibility;
  KeyHolder key_holder;  // empty: there are no keys
  std::function<usage::Micros()> now;
  /// Who is at the other end; api::peer_uid unless a test says otherwise.
  std::function<Result<std::uint32_t>(int)> peer;
};

/// HTTP/1.1 on listening sockets, on one single-threaded io_context; the ledger is asked on `pool`.
class HttpServer {
 public:
  HttpServer(boost::asio::io_context* io,
             boost::asio::thread_pool* pool,
             ServerPorts ports,
             ServerLimits limits = {},
             std::vector<std::string> extra_hosts = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  HttpServer(HttpServer&&) = delete;
  HttpServer& operator=(HttpServer&&) = delete;
  ~HttpServer();

  /// Takes a listening TCP or Unix socket and starts to accept from it.
  [[nodiscard]] Result<> listen(UniqueFd listener);

  /// Of requests that nobody was found to make; on the io_context's thread.
  [[nodiscard]] const FailedCallers::Counts& failed_callers() const;

  /// Turns under way may end, new ones are refused; everything else goes on.
  /// @param when_ended  called once no turn is left, perhaps at once, unless stop() comes first.
  void drain(std::function<void()> when_ended);

  /// Closes listeners and connections; streams are told. The io_context must run once more to end
  /// the coroutines, before the server is destroyed.
  /// @param when_told  called once every stream was told or given up, perhaps at once.
  void stop(std::function<void()> when_told = {});

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace agp::api
