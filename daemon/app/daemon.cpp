#include "daemon/app/daemon.h"

#include "common/base/account.h"
#include "common/base/ulid.h"
#include "common/bus/connection.h"
#include "common/log/log.h"
#include "daemon/api/http_server.h"
#include "daemon/api/key_file.h"
#include "daemon/api/metrics.h"
#include "daemon/api/peer.h"
#include "daemon/api/times.h"
#include "daemon/app/authority_in_use.h"
#include "daemon/app/correlation.h"
#include "daemon/app/helper_over_bus.h"
#include "daemon/app/interception.h"
#include "daemon/app/language_server.h"
#include "daemon/app/listening.h"
#include "daemon/app/live_policy.h"
#include "daemon/app/metrics_export.h"
#include "daemon/app/names.h"
#include "daemon/app/readiness.h"
#include "daemon/app/record_count.h"
#include "daemon/app/rule_watch.h"
#include "daemon/app/shutdown.h"
#include "daemon/app/status_report.h"
#include "daemon/app/tasks.h"
#include "daemon/app/telemetry.h"
#include "daemon/app/tenancy.h"
#include "daemon/app/upstream_proxy.h"
#include "daemon/app/watchdog.h"
#include "daemon/bus/daemon_object.h"
#include "daemon/cost/pricer.h"
#include "daemon/io/policy_surroundings.h"
#include "daemon/io/tally.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "daemon/ls/supervisor.h"
#include "daemon/tls/ca.h"
#include "daemon/tls/keyed_digest.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kStateLook = 5s;    // for changes of the status that nobody tells
constexpr auto kReadyLimit = 20s;  // a helper that does not answer must not fail the start
constexpr auto kMostCores = 64U;   // unless `workers` says more

usage::Micros wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// Two descriptors for each connection: whoever set the hard limit meant it to be used.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // the acceptor asks what there is
  }
}

io::Settings io_settings(const daemon_config::Config& config) {
  io::Settings settings;
  settings.deadlines.handshake = config.limits.handshake_timeout;
  settings.deadlines.connect = config.limits.connect_timeout;
  settings.deadlines.read_idle = config.limits.read_idle_timeout;
  settings.deadlines.write_idle = config.limits.write_idle_timeout;
  settings.max_buffered_bytes = config.limits.max_buffered_bytes;
  settings.destinations.allowed = config.upstream.allow_networks;
  return settings;
}

// Lifetimes are the order of the members: what is declared later uses what is declared earlier.
class Daemon {
 public:
  Daemon(const daemon_config::Config& config, const Options& options)
      : config_(config), options_(options), pool_(2) {}

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;
  ~Daemon();

  Result<> start();
  void run();

 private:
  Result<> open_state();
  Result<> start_interception();
  Result<> start_bus();
  void make_language_server();
  void manage_language_server();
  ls::Supervisor* supervisor() const { return language_server_->supervisor(); }
  void order_language_server(daemon_bus::LanguageServerOrder order);
  void order_capture(bool wanted);
  void tell_changes();
  void tell_changes_now_and_then();
  Result<> start_api();
  void tell_ready_once_settled();
  void make_shutdown();
  void on_record(usage::Record record);
  void on_report(const relay::Report& report);
  void start_export();
  api::StatusReport status();
  api::VisibilityRules visibility();

  const daemon_config::Config& config_;
  const Options& options_;
  Listening listening_;
  usage::Micros started_at_ = wall_clock();

  std::optional<tls::KeyedDigest> response_seal_;
  Tenancy tenancy_{find_uid(kLsAccount)};
  std::unique_ptr<Correlation> correlation_;  // turns that control_ takes along still tell it
  asio::io_context control_{1};
  asio::thread_pool pool_;                // the disk is waited for here
  RecordCount record_count_;              // the ledger's thread tells it
  std::unique_ptr<Telemetry> telemetry_;  // and this
  std::unique_ptr<ledger::SqliteLedger> ledger_;
  std::optional<cost::Pricer> pricer_;  // immutable: the workers share it
  io::Tally tally_;
  std::unique_ptr<Shutdown> shutdown_;  // from the end of start() on; the next ones call it back
  std::unique_ptr<Interception> interception_;
  Readiness readiness_{&control_, options_.state_dir};
  std::unique_ptr<LivePolicy> policy_;
  std::unique_ptr<bus::Connection> bus_;
  std::unique_ptr<bus::HelperClient> helper_client_;
  std::unique_ptr<HelperOverBus> helper_;
  std::unique_ptr<LanguageServer> language_server_;
  std::unique_ptr<RuleWatch> rule_watch_;  // null: there is no helper
  std::unique_ptr<api::KeyFile> keys_;
  std::unique_ptr<daemon_bus::DaemonObject> object_;
  std::unique_ptr<api::HttpServer> http_;
  std::unique_ptr<MetricsExport> export_;  // null: nobody wants it
  std::unique_ptr<AuthorityInUse> authority_;
  std::unique_ptr<Watchdog> watchdog_;
  asio::steady_timer next_look_{control_};
  std::string bus_problem_;
};

Daemon::~Daemon() {
  if (correlation_) {
    correlation_->end();
  }
  if (!object_ || !shutdown_ || !shutdown_->is_stopping()) {
    // It never ran, or has no bus. What asks the ledger ends before the ledger does.
    pool_.stop();
    pool_.join();
    return;
  }
  // Somebody may still be asked for a password. What waits for the answer belongs to control_ and
  // uses the bus connection, which ends before control_ does: it has to go now.
  object_->end_exports();
  pool_.join();
  control_.restart();
  (void)control_.poll();
  object_->close();
  control_.restart();
  (void)control_.poll();
}

Result<> Daemon::open_state() {
  if (::mkdir(options_.state_dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("create " + options_.state_dir);
  }
  auto authority = AuthorityInUse::open(options_.state_dir, config_.policy.get());
  if (!authority) {
    return authority.error();
  }
  authority_ = std::move(*authority);
  if (auto seal = tls::KeyedDigest::open_or_create(options_.state_dir + "/responses.key")) {
    response_seal_ = std::move(*seal);
  } else {
    log::warning("no key for ids of responses, going on: none of them can be continued",
                 {{"ERROR", seal.error()}});
  }
  auto pricer = cost::Pricer::builtin(config_.cost_prices, config_.cost_aliases);
  if (!pricer) {
    return pricer.error();
  }
  pricer_ = std::move(*pricer);
  ledger::SqliteLedger::Options ledger;
  ledger.file = options_.state_dir + "/usage.db";
  ledger.max_bytes = config_.ledger.max_bytes;
  ledger.raw_days = std::chrono::days(config_.ledger.raw_days);
  ledger.hourly_days = std::chrono::days(config_.ledger.hourly_days);
  ledger.ls_uid = find_uid(kLsAccount);
  ledger_ = ledger::SqliteLedger::start(ledger);
  if (const auto health = ledger_->health(); health.problem) {
    log::err("ledger cannot be written, records wait in memory",
             {{"ERROR", *health.problem}, {"REMEDY", health.remedy}});
  }
  correlation_ = std::make_unique<Correlation>(find_uid(kLsAccount), ledger_.get());
  // Asked once here and then counted along with each commit: status must not wait for the disk.
  ledger_->subscribe([this](const usage::Record& record) { record_count_.on_commit(record); });
  const auto summary = ledger_->summary();
  record_count_.begin_with(summary ? std::optional(*summary) : std::nullopt);
  telemetry_ = std::make_unique<Telemetry>(config_, ledger_.get(), ledger.file);
  ledger_->subscribe([this](const usage::Record& record) {
    if (telemetry_->on_commit(record)) {
      asio::post(pool_, [this] { telemetry_->ask_ledger(); });
    }
  });
  telemetry_->ask_ledger();
  return {};
}

// On a worker's thread.
void Daemon::on_report(const relay::Report& report) {
  if (const auto refusal = tally_.add(report, wall_clock())) {
    asio::post(control_, [this, refusal = *refusal] {
      if (object_) {
        object_->announce_refused_certificate(refusal.host, refusal.count);
      }
    });
  }
}

// On a worker's thread.
void Daemon::on_record(usage::Record record) {
  record.id = make_ulid(std::chrono::system_clock::now());
  correlation_->resolve(&record);
  pricer_->price(&record);
  ledger_->append(std::move(record));
}

Result<> Daemon::start_interception() {
  auto upstream = tls::upstream_context(config_.upstream.extra_ca_file.value_or(""));
  if (!upstream) {
    return upstream.error();
  }
  const std::shared_ptr<SSL_CTX> shared = std::move(*upstream);
  const std::size_t workers = config_.workers != 0
                                  ? config_.workers
                                  : std::clamp(std::thread::hardware_concurrency(), 1U, kMostCores);
  auto settings = io_settings(config_);
  auto proxy = load_upstream_proxy(config_.upstream);
  if (!proxy) {
    return proxy.error();
  }
  settings.proxy = std::move(*proxy);
  io::Hooks hooks;
  hooks.on_report = [this](const relay::Report& report) {
    on_report(report);
  };
  hooks.on_record = [this](usage::Record record) {
    on_record(std::move(record));
  };
  hooks.caller_of = [this](const asio::ip::tcp::endpoint& client,
                           const asio::ip::tcp::endpoint& destination) {
    return tenancy_.identify([&]() -> std::optional<std::uint32_t> {
      const auto uid = api::owner_of_connection(client.data(), destination.data());
      return uid ? std::optional<std::uint32_t>(*uid) : std::nullopt;
    });
  };
  const auto refused = std::make_shared<relay::RefusedHosts>();
  std::vector<io::PolicySurroundings*> surroundings;
  interception_ = std::make_unique<Interception>(
      workers, settings, config_.limits.max_connections,
      [&] {
        auto made = std::make_unique<io::PolicySurroundings>(config_.policy, authority_->get(),
                                                             shared, refused);
        surroundings.push_back(made.get());
        return made;
      },
      hooks);
  policy_ = std::make_unique<LivePolicy>(&control_, &config_, options_.files, interception_.get(),
                                         std::move(surroundings), &readiness_);
  for (std::size_t i = 0; i < listening_.reverse.size(); ++i) {
    const auto& endpoint = config_.capture_reverse[i];
    if (auto done = interception_->listen_reverse(std::move(listening_.reverse[i]),
                                                  {endpoint.host, endpoint.port});
        !done) {
      return done;
    }
  }
  listening_.reverse.clear();
  return interception_->listen(listening_.listeners);
}

Result<> Daemon::start_bus() {
  auto opened = bus::Connection::open_system(control_.get_executor(), [this](const Error& error) {
    // Everything that capture needs goes through the bus: start over, sockets and rules stay.
    bus_problem_ = error.text();
    log::err("message bus lost, stopping", {{"ERROR", error}});
    shutdown_->begin();
  });
  if (!opened) {
    return opened.error();
  }
  bus_ = std::move(*opened);
  bus::HelperEvents events;
  events.redirect_changed = [this](bool active) {
    helper_->on_redirect_changed(active);
    if (!supervisor()) {
      return;
    }
    if (active) {
      supervisor()->on_redirect_back();
    } else {
      supervisor()->on_redirect_lost();
    }
  };
  events.redirect_repaired = [this](std::vector<std::string> lost, bool servers_stopped) {
    helper_->on_redirect_repaired(std::move(lost));
    if (servers_stopped && supervisor()) {
      supervisor()->on_redirect_lost();  // its end is none of its own, and it is started again
    }
  };
  events.helper_gone = [this] {
    if (rule_watch_) {
      rule_watch_->on_helper_gone();
    }
  };
  events.language_server_exited = [this](const std::string& id, const std::string& result,
                                         std::int32_t status) {
    if (supervisor()) {
      if (shutdown_->is_stopping()) {
        supervisor()->request_stop();  // no other one takes its place
      }
      supervisor()->on_language_server_exited(id, result, status);
    }
  };
  auto client = bus::HelperClient::open(bus_.get(), std::move(events));
  if (!client) {
    return client.error();
  }
  helper_client_ = std::move(*client);
  helper_ = std::make_unique<HelperOverBus>(helper_client_.get());
  daemon_bus::DaemonPorts ports;
  ports.ledger = ledger_.get();
  ports.logins = language_server_->logins();
  ports.pool = &pool_;
  ports.status = [this] {
    return status();
  };
  ports.policy = [this] {
    return policy::render_policy(*policy_->files().policy(), policy_->files().loaded());
  };
  ports.check_policy = [this](const std::string& host, const std::string& method,
                              const std::string& path) {
    return policy::render_check(*policy_->files().policy(), host, method, path);
  };
  ports.reload_policy = [this] {
    const auto outcome = policy_->files().reload();
    tell_changes();
    return policy::render_reload(outcome);
  };
  ports.order_language_server = [this](daemon_bus::LanguageServerOrder order) {
    order_language_server(order);
  };
  ports.ca = [this] {
    return authority_->report();
  };
  ports.rotate_ca = [this] {
    authority_->rotate();
  };
  ports.order_capture = [this](bool wanted) {
    order_capture(wanted);
  };
  ports.visibility = visibility();
  ports.now = wall_clock;
  auto object = daemon_bus::DaemonObject::create(bus_.get(), std::move(ports));
  if (!object) {
    return object.error();
  }
  object_ = std::move(*object);
  bus_->start();
  return bus_->request_name(daemon_bus::kBusName);
}

void Daemon::make_language_server() {
  LanguageServer::Surroundings around;
  around.control = &control_;
  around.pool = &pool_;
  around.config = &config_;
  around.options = &options_;
  around.ledger = ledger_.get();
  around.correlation = correlation_.get();
  around.tenancy = &tenancy_;
  around.telemetry = telemetry_.get();
  around.now = wall_clock;
  around.on_change = [this] {
    tell_changes();
    tell_ready_once_settled();
  };
  around.on_stopped = [this] {
    shutdown_->on_ls_stopped();
  };
  language_server_ = std::make_unique<LanguageServer>(std::move(around));
}

void Daemon::manage_language_server() {
  language_server_->manage(helper_.get(), authority_->get()->pem());
  rule_watch_ = std::make_unique<RuleWatch>(control_.get_executor(), config_.capture_verify_every,
                                            helper_client_.get(), helper_.get(), supervisor());
  asio::co_spawn(control_, rule_watch_->run(),
                 [](const std::exception_ptr& problem) { log_unhandled(problem, "rules"); });
  authority_->allow_rotation(control_.get_executor(), pool_.get_executor(), policy_.get(),
                             language_server_.get(), [this] { tell_changes(); });
}

void Daemon::order_language_server(daemon_bus::LanguageServerOrder order) {
  using Order = ls::Supervisor::Order;
  if (!supervisor() || shutdown_->is_stopping()) {
    return;
  }
  log::notice("somebody asks for the language server to be started, stopped or restarted",
              {{"ORDER", static_cast<int>(order)}});
  switch (order) {
    case daemon_bus::LanguageServerOrder::start:
      supervisor()->request(Order::start);
      break;
    case daemon_bus::LanguageServerOrder::stop:
      supervisor()->request(Order::stop);
      break;
    case daemon_bus::LanguageServerOrder::restart:
      supervisor()->request(Order::restart);
      break;
  }
}

void Daemon::tell_changes() {
  object_->tell_changes();
  readiness_.show(api::status_line(status()));
}

// What the disk, the clock or a signal changes has no event of its own.
void Daemon::tell_changes_now_and_then() {
  tell_changes();
  next_look_.expires_after(kStateLook);
  next_look_.async_wait([this](boost::system::error_code ec) {
    if (!ec) {
      tell_changes_now_and_then();
    }
  });
}

void Daemon::order_capture(bool wanted) {
  if (supervisor() && !shutdown_->is_stopping()) {
    log::notice("somebody asks for capture to be switched on or off", {{"WANTED", wanted}});
    supervisor()->request_capture(wanted);
  }
}

api::VisibilityRules Daemon::visibility() {
  api::VisibilityRules rules;
  rules.daemon_uid = ::geteuid();
  rules.ls_uid = find_uid(kLsAccount);
  rules.overflow_uid = api::overflow_uid();
  rules.session_uid = [this] {
    return language_server_->session_uid();
  };
  rules.has_session = [this] {
    return language_server_->has_session();
  };
  rules.is_member = [](std::uint32_t uid) {
    return api::is_group_member(uid, kGroup);
  };
  rules.may_scrape = [this](std::uint32_t uid) {
    return telemetry_->may_scrape(uid);
  };
  return rules;
}

Result<> Daemon::start_api() {
  api::ServerPorts ports;
  ports.ledger = ledger_.get();
  ports.turns = language_server_->turns();
  if (response_seal_) {
    ports.seal = [this](std::string_view text) {
      return response_seal_->of(text);
    };
  }
  ports.logins = language_server_->logins();
  ports.key_holder = [this](std::string_view key) {
    return keys_->uid_of(key);
  };
  ports.status = [this] {
    return status();
  };
  ports.metrics = [this] {
    return telemetry_->report(wall_clock());
  };
  ports.visibility = visibility();
  ports.now = wall_clock;
  ports.peer = api::peer_uid;
  std::vector<std::string> hosts;
  if (!listening_.is_service) {
    hosts = listening_.names.api;
  }
  http_ = std::make_unique<api::HttpServer>(&control_, &pool_, std::move(ports),
                                            api::ServerLimits{}, std::move(hosts));
  for (auto& listener : listening_.listeners.api) {
    if (auto done = http_->listen(std::move(listener)); !done) {
      return done;
    }
  }
  listening_.listeners.api.clear();
  return {};
}

void Daemon::start_export() {
  if (!config_.telemetry.otlp.endpoint) {
    return;
  }
  MetricsExport::Ports ports;
  ports.executor = control_.get_executor();
  ports.blocking = pool_.get_executor();
  ports.gather = [this](metrics::Sink& sink) {
    api::gather_metrics(sink, status(), telemetry_->report(wall_clock()), true);
  };
  ports.ledger_began = [this] {
    return telemetry_->ledger_began();
  };
  ports.started_at = started_at_;
  export_ = std::make_unique<MetricsExport>(config_, options_.state_dir, std::move(ports));
  telemetry_->tell_exports_of([this] { return export_->counts(); });
}

api::StatusReport Daemon::status() {
  StatusSources from;
  from.config = &config_;
  from.authority = authority_->get().get();
  from.ledger = ledger_.get();
  from.interception = interception_.get();
  from.tally = &tally_;
  from.helper = helper_.get();
  from.supervisor = supervisor();
  from.is_service = listening_.is_service;
  from.state_dir = options_.state_dir;
  from.started_at = started_at_;
  from.summary = record_count_.summary();
  from.sockets = listening_.names;
  from.price_version = pricer_->version();
  from.price_date = pricer_->date();
  from.policy = policy_->status();
  from.authority_renewed_because = authority_->replaced_because();
  from.bus_problem = bus_problem_;
  if (export_) {
    from.metrics_export = export_->status();
  }
  from.keys_fault = keys_->fault();
  if (http_) {
    from.failed_callers = http_->failed_callers();
  }
  return assemble_status(from, wall_clock());
}

Result<> Daemon::start() {
  auto listening = open_listening(config_);
  if (!listening) {
    return listening.error();
  }
  listening_ = std::move(*listening);
  if (listening_.listeners.diagnosis.is_open()) {
    api::ask_through(std::move(listening_.listeners.diagnosis));
  }
  if (auto done = open_state(); !done) {
    return done;
  }
  if (auto done = start_interception(); !done) {
    return done;
  }
  keys_ = std::make_unique<api::KeyFile>(config_.api_keys_file.value_or(""));
  make_language_server();
  if (listening_.is_service) {
    if (auto done = start_bus(); !done) {
      return done;
    }
    manage_language_server();
    tell_changes_now_and_then();
  } else if (config_.attached_ls.port != 0) {
    if (auto done = language_server_->attach(); !done) {
      return done;
    }
  }
  if (auto done = start_api(); !done) {
    return done;
  }
  start_export();
  make_shutdown();
  shutdown_->await_signal();
  policy_->attend();
  watchdog_ = std::make_unique<Watchdog>(
      &control_, interception_->size(),
      [this](const std::function<void()>& each) { interception_->post_to_all(each); });
  return {};
}

void Daemon::run() {
  interception_->start();
  watchdog_->start();
  if (supervisor()) {
    // Whoever starts the service means the capture: systemctl start returns when it is on, or when
    // it is known why not.
    readiness_.tell_within(kReadyLimit);
    tell_ready_once_settled();
  } else {
    readiness_.tell();
  }
  control_.run();
}

void Daemon::tell_ready_once_settled() {
  const auto is_failing = [](const control::ReportProblem& problem) {
    return problem.severity == control::Severity::failing;
  };
  if (supervisor()->is_capturing() || config_.capture_mode == daemon_config::CaptureMode::off ||
      std::any_of(supervisor()->problems().begin(), supervisor()->problems().end(), is_failing)) {
    readiness_.tell();
  }
}

void Daemon::make_shutdown() {
  Shutdown::Parts parts;
  parts.control = &control_;
  parts.drain_timeout = config_.limits.drain_timeout;
  parts.readiness = &readiness_;
  parts.interception = interception_.get();
  parts.http = http_.get();
  parts.language_server = language_server_.get();
  parts.ledger = ledger_.get();
  parts.has_bus = [this] {
    return bus_problem_.empty();
  };
  parts.on_begin = [this] {
    readiness_.stop();
    authority_->stop();
    language_server_->begin_stop();
    if (rule_watch_) {
      rule_watch_->stop();
    }
  };
  parts.on_end = [this] {
    if (export_) {
      export_->stop();  // the last calls are in it
    }
    watchdog_->stop();
    next_look_.cancel();
    if (bus_) {
      bus_->stop();
    }
    control_.stop();
  };
  shutdown_ = std::make_unique<Shutdown>(std::move(parts));
}

}  // namespace

Result<> run(const daemon_config::Config& config, const Options& options) {
  (void)::signal(SIGPIPE, SIG_IGN);  // a peer that left is an error value
  raise_descriptor_limit();
  Daemon daemon(config, options);
  if (auto started = daemon.start(); !started) {
    return started;
  }
  daemon.run();
  return {};
}

}  // namespace agp::app
