#pragma once

#include "common/base/result.h"
#include "daemon/app/attached_ls.h"
#include "daemon/app/correlation.h"
#include "daemon/app/daemon.h"
#include "daemon/app/logins.h"
#include "daemon/app/quota_sampler.h"
#include "daemon/app/telemetry.h"
#include "daemon/app/tenancy.h"
#include "daemon/app/turns.h"
#include "daemon/config/config.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ls/helper_port.h"
#include "daemon/ls/quota_reader.h"
#include "daemon/ls/supervisor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::app {

/// The language server as the rest of the daemon has it: one that is started through the helper,
/// one that it attaches to, or none. With it goes whoever drives it and reads its quota.
/// All methods on the thread of `control`.
class LanguageServer {
 public:
  /// Everything pointed to outlives the object.
  struct Surroundings {
    boost::asio::io_context* control = nullptr;
    boost::asio::thread_pool* pool = nullptr;  // where the ledger is asked
    const daemon_config::Config* config = nullptr;
    const Options* options = nullptr;
    ledger::Ledger* ledger = nullptr;
    Correlation* correlation = nullptr;
    Tenancy* tenancy = nullptr;
    Telemetry* telemetry = nullptr;
    std::function<usage::Micros()> now;
    std::function<void()> on_change;   // of what supervisor() says
    std::function<void()> on_stopped;  // after request_stop() of the supervisor
  };

  explicit LanguageServer(Surroundings around);

  /// Starts them through the helper from now on. Once, and instead of attach().
  /// @param helper  outlives the object.
  void manage(ls::HelperPort* helper, std::string trusted_pem);
  /// The one that the configuration names.
  /// @return an error that names the file that cannot be used.
  [[nodiscard]] Result<> attach();

  /// Null unless language servers are managed.
  [[nodiscard]] ls::Supervisor* supervisor() const { return supervisor_.get(); }
  /// From manage() on until the supervisor has come to its end.
  [[nodiscard]] bool is_supervising() const { return is_supervising_; }
  /// Always there, as the API asks it.
  [[nodiscard]] Logins* logins() const { return logins_.get(); }
  /// Null while there is neither a managed nor an attached one.
  [[nodiscard]] Turns* turns() const { return turns_.get(); }

  /// On whose behalf the language server runs, while there is anybody.
  [[nodiscard]] std::optional<std::uint32_t> session_uid() const;
  [[nodiscard]] bool has_session() const { return attached_ || session_uid(); }

  /// A new one, unless it is about to end by itself.
  void restart();
  /// The trust bundle holds `pem` from now on, and is written.
  [[nodiscard]] boost::asio::awaitable<Result<>> trust(std::string pem);
  /// Nobody is asked for quotas any more; what is awaited ends.
  void begin_stop();

 private:
  [[nodiscard]] std::unique_ptr<ls::SessionFinder> make_finder() const;
  void use(const ls::EndpointSource* source);
  void read_quota_of(const ls::EndpointSource* source);

  Surroundings around_;
  ls::HelperPort* helper_ = nullptr;
  std::unique_ptr<ls::SessionFinder> finder_;
  std::unique_ptr<ls::Supervisor> supervisor_;
  std::unique_ptr<AttachedLs> attached_;
  std::unique_ptr<ls::LsDriver> driver_;
  std::unique_ptr<Turns> turns_;
  std::unique_ptr<ls::QuotaReader> quota_reader_;
  std::unique_ptr<QuotaSampler> quota_sampler_;
  std::unique_ptr<Logins> logins_;
  bool is_supervising_ = false;
  bool is_stopping_ = false;
};

}  // namespace agp::app
