#pragma once

#include "daemon/control/lifecycle.h"
#include "daemon/ls/exit_watch.h"
#include "daemon/ls/helper_port.h"
#include "daemon/ls/log_pipe.h"
#include "daemon/ls/ls_driver.h"
#include "daemon/ls/process_scan.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::ls {

/// How a language server of ours ended last.
struct LastExit {
  std::string instance;
  std::string result;  // systemd's word
  int status = 0;      // exit status, or number of the signal
  std::chrono::system_clock::time_point at;
};

/// Carries out what control::Lifecycle decides: asks the helper, looks for the IDE, probes the
/// language server. All methods on the executor's one thread.
class Supervisor final : public EndpointSource {
 public:
  struct Options {
    control::Settings settings;
    std::string ca_certificate_pem;    // what the trust bundle gets
    std::uint16_t first_port = 42100;  // of the range for language servers
    std::uint16_t last_port = 42199;   // inclusive
    std::chrono::steady_clock::duration probe_limit = std::chrono::seconds(2);
    /// The user for whose session a language server is about to be started, so of every call that
    /// it ever makes; nobody once it has ended. May be empty.
    std::function<void(std::optional<std::uint32_t> uid)> on_tenant;
    std::function<void()> on_change;  // status changed (problems, capture, usable); may be empty
  };

  /// @param helper, finder  outlive the supervisor.
  Supervisor(boost::asio::any_io_executor executor,
             HelperPort* helper,
             SessionFinder* finder,
             Options options);
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Runs until request_stop() has been carried out. Await it, once.
  [[nodiscard]] boost::asio::awaitable<void> run();
  /// Stops the language server and ends run().
  void request_stop();

  /// What people ask for; each is carried out as soon as possible.
  enum class Order { start, stop, restart };
  void request(Order order);
  /// Capture on or off, until it is asked for again or the service ends.
  void request_capture(bool wanted);
  [[nodiscard]] bool is_capture_settled() const {
    return !pending_ && lifecycle_.is_capture_settled();
  }
  /// What the trust bundle gets from the next time on that it is written.
  void set_trusted(std::string certificates_pem) {
    options_.ca_certificate_pem = std::move(certificates_pem);
  }
  /// Language servers that the helper was asked to start so far.
  [[nodiscard]] std::uint64_t starts() const { return starts_; }
  /// Whether the last order has been carried out, as far as that does not wait for others.
  [[nodiscard]] bool is_settled() const { return !pending_ && lifecycle_.is_settled(); }

  // Signals of the helper.
  void on_language_server_exited(const std::string& id, const std::string& result, int status);
  void on_helper_available();
  void on_redirect_lost();
  void on_redirect_back();

  [[nodiscard]] std::shared_ptr<const Endpoint> endpoint() const override { return usable_; }
  [[nodiscard]] std::string unavailable_reason() const override;
  /// What is wrong or waited for, oldest first.
  [[nodiscard]] const std::vector<control::ReportProblem>& problems() const { return problems_; }
  [[nodiscard]] bool is_capturing() const { return lifecycle_.is_capturing(); }
  [[nodiscard]] control::Phase phase() const { return lifecycle_.phase(); }
  /// Name of the user whose IDE session is in use, empty while there is none.
  [[nodiscard]] const std::string& session_user() const { return session_user_; }
  /// The same user's uid, which is there for users without a name too.
  [[nodiscard]] std::optional<std::uint32_t> session_uid() const {
    return session_ ? std::optional<std::uint32_t>(session_->uid) : std::nullopt;
  }
  [[nodiscard]] const control::Lifecycle& lifecycle() const { return lifecycle_; }
  /// Of this daemon's language servers; none before the first end.
  [[nodiscard]] const std::optional<LastExit>& last_exit() const { return last_exit_; }
  /// What the language server that was started last wrote last, without secrets. Not for everybody.
  [[nodiscard]] std::vector<std::string> last_log_lines() const;
  /// All that the last look recognised, of any user: show each user only its own. Empty before
  /// the first look, and while no language server is managed. on_change tells when it changes.
  [[nodiscard]] const SessionList& sessions() const { return sessions_; }

 private:
  void pump();
  void woken();
  bool carry_out_now(control::Command* command);
  boost::asio::awaitable<void> carry_out(control::Command command);
  boost::asio::awaitable<void> scan();
  boost::asio::awaitable<void> start(control::StartLs command);
  boost::asio::awaitable<Result<>> probe();
  struct ServerPorts {
    std::uint16_t https = 0;
    std::uint16_t http = 0;
    std::uint16_t lsp = 0;
  };
  Result<ServerPorts> free_ports();
  void open_log(control::StartSpec* spec);
  void changed();
  void tell_tenant(std::optional<std::uint32_t> uid);

  boost::asio::any_io_executor executor_;
  HelperPort* helper_;
  SessionFinder* finder_;
  Options options_;
  control::Lifecycle lifecycle_;
  boost::asio::steady_timer wake_;
  boost::asio::thread_pool worker_;  // /proc is read there
  std::optional<control::Command> pending_;
  std::optional<std::pair<std::uint64_t, control::TimePoint>> armed_;
  std::optional<Session> session_;
  std::string session_user_;
  std::unique_ptr<LogPipe> log_;  // of the language server that was started last
  std::optional<LastExit> last_exit_;
  SessionList sessions_;
  ExitWatch ide_watch_;
  std::shared_ptr<const Endpoint> started_;  // of the language server that was started last
  std::shared_ptr<const Endpoint> usable_;   // the same once it answers
  std::vector<control::ReportProblem> problems_;
  std::uint16_t next_port_;
  control::Phase told_phase_ = control::Phase::idle;
  std::uint64_t starts_ = 0;
  bool is_stopped_ = false;
};

}  // namespace agp::ls
