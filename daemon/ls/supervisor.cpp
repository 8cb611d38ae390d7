#include "daemon/ls/supervisor.h"

#include "common/log/log.h"
#include "daemon/control/errors.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/metadata.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/random.h>

namespace agp::ls {
namespace asio = boost::asio;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kPorts = 3;  // of each language server

control::TimePoint now() {
  return std::chrono::steady_clock::now();
}

asio::awaitable<Result<SessionFinder::Found>> find_on_worker(SessionFinder* finder,
                                                             std::optional<std::uint64_t> keep) {
  co_return finder->find(keep);
}

/// What the files of an install say; reads them, so it runs on the worker.
struct InstallFacts {
  Metadata metadata;
  std::string certificate_pem;
};

asio::awaitable<InstallFacts> read_install(std::string binary_path) {
  co_return InstallFacts{metadata_for(binary_path), bundled_certificate(binary_path)};
}

/// What the extension server of this session wants to hear. Until era E2 it was the language
/// server's own token.
Secret<std::string> callback_token(const Session& session) {
  return Secret<std::string>(session.extension_csrf_token.empty()
                                 ? session.csrf_token.expose()
                                 : session.extension_csrf_token.expose());
}

/// A random UUID, the customary form of these tokens.
Result<Secret<std::string>> fresh_token() {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return errno_error("random token");
  }
  random[6] = static_cast<unsigned char>((random[6] & 0x0fU) | 0x40U);  // version 4, RFC 9562
  random[8] = static_cast<unsigned char>((random[8] & 0x3fU) | 0x80U);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    text += kDigits[random[i] >> 4U];
    text += kDigits[random[i] & 0x0fU];
  }
  return Secret<std::string>(std::move(text));
}

/// Free at this moment. Another program may still take it before the language server does: its
/// end is then noticed, and the next pair tried.
bool is_free(const asio::any_io_executor& executor, std::uint16_t port) {
  boost::system::error_code ec;
  asio::ip::tcp::acceptor acceptor(executor);
  acceptor.open(asio::ip::tcp::v4(), ec);
  if (!ec) {
    // As Go does: connections that linger in TIME_WAIT do not count.
    acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  }
  if (!ec) {
    acceptor.bind({asio::ip::address_v4::loopback(), port}, ec);
  }
  if (!ec) {
    acceptor.listen(1, ec);  // with SO_REUSEADDR only this fails when someone else listens
  }
  return !ec;
}

}  // namespace

Supervisor::Supervisor(asio::any_io_executor executor,
                       HelperPort* helper,
                       SessionFinder* finder,
                       Options options)
    : executor_(executor),
      helper_(helper),
      finder_(finder),
      options_(std::move(options)),
      lifecycle_(options_.settings),
      wake_(executor),
      worker_(1),
      ide_watch_(executor,
                 [this] {
                   log::notice("the language server of the IDE ended");
                   lifecycle_.on_ide_exited(now());
                   woken();
                 }),
      next_port_(options_.first_port) {}

Supervisor::~Supervisor() {
  worker_.join();
}

asio::awaitable<void> Supervisor::run() {
  lifecycle_.start(now());
  for (;;) {
    pump();
    if (is_stopped_) {
      co_return;
    }
    if (pending_) {
      control::Command command = *std::exchange(pending_, std::nullopt);
      co_await carry_out(std::move(command));
      continue;
    }
    wake_.expires_at(armed_ ? armed_->second : control::TimePoint::max());
    // Cancelled means the same as expired: look again.
    (void)co_await wake_.async_wait(kTuple);
    if (armed_ && now() >= armed_->second) {
      const auto fired = std::exchange(armed_, std::nullopt);
      lifecycle_.on_timer(fired->first, now());
    }
  }
}

void Supervisor::request_stop() {
  lifecycle_.stop(now());
  woken();
}

void Supervisor::request(Order order) {
  switch (order) {
    case Order::start:
      lifecycle_.resume(now());
      break;
    case Order::stop:
      lifecycle_.hold(now());
      break;
    case Order::restart:
      lifecycle_.restart(now());
      break;
  }
  woken();
}

void Supervisor::request_capture(bool wanted) {
  if (wanted) {
    lifecycle_.capture(now());
  } else {
    lifecycle_.release(now());
  }
  woken();
}

std::vector<std::string> Supervisor::last_log_lines() const {
  return log_ ? log_->log().last_lines() : std::vector<std::string>();
}

void Supervisor::on_language_server_exited(const std::string& id,
                                           const std::string& result,
                                           int status) {
  const bool is_the_last = started_ && started_->instance == id;
  if (is_the_last && log_) {
    log_->drain();
  }
  if (is_the_last) {
    tell_tenant(std::nullopt);
  }
  const auto lines = last_log_lines();
  log::notice("a language server ended", {{"UNIT", id},
                                          {"RESULT", result},
                                          {"STATUS", status},
                                          {"LAST_WORDS", lines.empty() ? "" : lines.front()}});
  last_exit_ = LastExit{id, result, status, std::chrono::system_clock::now()};
  lifecycle_.on_ls_exited(id, result, status, now());
  woken();
}

void Supervisor::on_helper_available() {
  lifecycle_.on_helper_available(now());
  woken();
}

void Supervisor::on_redirect_lost() {
  lifecycle_.on_redirect_lost(now());
  woken();
}

void Supervisor::on_redirect_back() {
  lifecycle_.on_redirect_back(now());
  woken();
}

std::string Supervisor::unavailable_reason() const {
  for (const auto& problem : problems_) {
    if (!problem.message.empty()) {
      return problem.message + "; " + problem.remedy;
    }
  }
  if (lifecycle_.is_held()) {
    return "the language server was stopped on request; start it with: antigravity-proxy ls start";
  }
  if (!options_.settings.capture) {
    return "capture.mode is off in proxy.yaml, so no language server is started";
  }
  if (!options_.settings.manage_ls) {
    return "language_server.mode is off in proxy.yaml, so no language server is started";
  }
  return "the language server is being started; try again in a few seconds";
}

void Supervisor::woken() {
  pump();
  wake_.cancel();
}

/// Carries out everything that needs no waiting; what does is left in pending_ for run().
void Supervisor::pump() {
  while (!pending_) {
    auto command = lifecycle_.next_command();
    if (!command) {
      break;
    }
    if (!carry_out_now(&*command)) {
      pending_ = std::move(*command);
    }
  }
  // A look every other second is no change of state.
  const auto phase = lifecycle_.phase();
  if (phase != control::Phase::scanning && std::exchange(told_phase_, phase) != phase) {
    changed();
  }
}

bool Supervisor::carry_out_now(control::Command* command) {
  if (const auto* timer = std::get_if<control::ArmTimer>(command)) {
    armed_ = {timer->id, now() + timer->after};
  } else if (auto* problem = std::get_if<control::ReportProblem>(command)) {
    const auto level =
        problem->severity == control::Severity::waiting ? log::Level::notice : log::Level::warning;
    log::write(
        level, "the service is not complete, it goes on trying",
        {{"PROBLEM", problem->code}, {"DETAIL", problem->message}, {"REMEDY", problem->remedy}});
    std::erase_if(problems_, [&](const auto& other) { return other.code == problem->code; });
    problems_.push_back(std::move(*problem));
    changed();
  } else if (const auto* gone = std::get_if<control::ClearProblem>(command)) {
    log::notice("a problem is solved", {{"PROBLEM", gone->code}});
    std::erase_if(problems_, [&](const auto& other) { return other.code == gone->code; });
    changed();
  } else if (const auto* capture = std::get_if<control::CaptureActive>(command)) {
    log::notice("capture changed", {{"ACTIVE", capture->active}});
    changed();
  } else if (const auto* usable = std::get_if<control::LsUsable>(command)) {
    usable_ = usable->usable ? started_ : nullptr;
    log::notice("the language server can be driven, or not any more",
                {{"UNIT", usable->id}, {"USABLE", usable->usable}});
    changed();
  } else if (std::holds_alternative<control::Stopped>(*command)) {
    is_stopped_ = true;
  } else {
    return false;
  }
  return true;
}

asio::awaitable<void> Supervisor::carry_out(control::Command command) {
  if (std::holds_alternative<control::EnsureTrustBundle>(command)) {
    auto done = co_await helper_->ensure_trust_bundle(options_.ca_certificate_pem);
    lifecycle_.on_trust_bundle(std::move(done), now());
  } else if (std::holds_alternative<control::EnsureRedirect>(command)) {
    auto done = co_await helper_->ensure_redirect();
    lifecycle_.on_redirect(std::move(done), now());
  } else if (std::holds_alternative<control::RemoveRedirect>(command)) {
    auto done = co_await helper_->remove_redirect();
    lifecycle_.on_redirect_removed(std::move(done), now());
  } else if (std::holds_alternative<control::QueryHelper>(command)) {
    auto status = co_await helper_->status();
    lifecycle_.on_helper_status(std::move(status), now());
  } else if (std::holds_alternative<control::ScanForIde>(command)) {
    co_await scan();
  } else if (auto* to_start = std::get_if<control::StartLs>(&command)) {
    co_await start(std::move(*to_start));
  } else if (std::holds_alternative<control::ProbeLs>(command)) {
    auto alive = co_await probe();
    lifecycle_.on_probe(std::move(alive), now());
  } else if (auto* to_stop = std::get_if<control::StopLs>(&command)) {
    auto stopped = co_await helper_->stop_language_server(to_stop->id);
    if (!stopped) {
      log::warning("a language server could not be stopped, going on",
                   {{"UNIT", to_stop->id}, {"ERROR", stopped.error()}});
    } else {
      tell_tenant(std::nullopt);
    }
    lifecycle_.on_ls_stopped(std::move(stopped), now());
  }
}

asio::awaitable<void> Supervisor::scan() {
  std::optional<std::uint64_t> keep;
  if (session_) {
    keep = session_->fingerprint();
  }
  auto task = find_on_worker(finder_, keep);
  auto [bug, found] = co_await asio::co_spawn(worker_, std::move(task), kTuple);
  if (bug) {
    lifecycle_.on_scan(Error{control::Errc::scan_failed, "unexpected exception"}, now());
    co_return;
  }
  if (!found) {
    lifecycle_.on_scan(found.error(), now());
    co_return;
  }
  session_ = std::move(found->session);
  session_user_ = found->outcome.session ? found->outcome.session->user : std::string();
  if (session_) {
    (void)ide_watch_.watch(session_->pid, session_->start_time);  // else the next look tells
  } else {
    ide_watch_.clear();
  }
  if (std::exchange(sessions_, std::move(found->all)) != sessions_) {
    changed();
  }
  lifecycle_.on_scan(std::move(found->outcome), now());
}

asio::awaitable<void> Supervisor::start(control::StartLs command) {
  if (!session_ || session_->fingerprint() != command.fingerprint) {
    // Cannot be: only scan() changes the session, and each scan is answered to the life cycle.
    lifecycle_.on_ls_started(Error{Errc::internal, "the IDE session changed meanwhile"}, now());
    co_return;
  }
  auto facts_task = read_install(command.binary_path);
  auto [bug, facts] = co_await asio::co_spawn(worker_, std::move(facts_task), kTuple);
  if (bug) {
    lifecycle_.on_ls_started(Error{Errc::internal, "unexpected exception"}, now());
    co_return;
  }
  auto ports = free_ports();
  if (!ports) {
    lifecycle_.on_ls_started(ports.error(), now());
    co_return;
  }
  auto memfd = sealed_memfd(serialize(facts.metadata));
  if (!memfd) {
    lifecycle_.on_ls_started(memfd.error(), now());
    co_return;
  }
  auto own_token = fresh_token();
  if (!own_token) {
    lifecycle_.on_ls_started(own_token.error(), now());
    co_return;
  }
  control::StartSpec spec;
  spec.server_port = ports->https;
  spec.http_port = ports->http;
  spec.lsp_port = ports->lsp;
  spec.extension_server_port = session_->extension_server_port;
  spec.csrf_token = Secret<std::string>(own_token->expose());
  spec.extension_csrf_token = callback_token(*session_);
  spec.workspace_id = session_->passable_workspace_id();
  if (spec.workspace_id.empty() && !session_->workspace_id.empty()) {
    log::notice("the workspace's id is too long or unusual, going on without it",
                {{"LENGTH", session_->workspace_id.size()}});
  }
  spec.binary_index = command.binary_index;
  spec.stdin_fd = std::move(*memfd);
  open_log(&spec);
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->port = spec.server_port;
  endpoint->certificate_pem = std::move(facts.certificate_pem);
  auto shared_token = callback_token(*session_);
  // Before it can make a call. When the start fails it may run all the same, for that user.
  tell_tenant(session_->uid);
  started_.reset();  // word of the end of the one before may still be on its way
  ++starts_;
  auto started = co_await helper_->start_language_server(std::move(spec));
  if (started) {
    endpoint->instance = started->id;
    endpoint->csrf_token = std::move(started->has_one_token ? shared_token : *own_token);
    started_ = std::move(endpoint);
    log::notice("language server started",
                {{"UNIT", started->unit}, {"PORT", ports->https}, {"USER", session_user_}});
  }
  lifecycle_.on_ls_started(std::move(started), now());
}

asio::awaitable<Result<>> Supervisor::probe() {
  ConnectClient client(started_);
  const std::string method = "Heartbeat";
  const std::string body = "{}";
  auto answer = co_await client.call(method, body, options_.probe_limit);
  if (answer) {
    co_return Result<>();
  }
  if (lifecycle_.phase() != control::Phase::probing || !log_) {
    co_return answer.error();
  }
  // Why it is not ready, for the case that it never will be.
  const auto port = log_->log().https_port();
  std::string why = answer.error().context;
  why += !port                     ? "; it has not said yet that it listens"
         : *port != started_->port ? "; it says that it listens on port " + std::to_string(*port) +
                                         ", not on the one it was given"
                                   : "; it says that it listens";
  co_return Error(answer.error().code, std::move(why));
}

/// A pipe that cannot be made costs the log and nothing else.
void Supervisor::open_log(control::StartSpec* spec) {
  std::vector<Secret<std::string>> secrets;
  secrets.emplace_back(spec->csrf_token.expose());
  secrets.emplace_back(spec->extension_csrf_token.expose());
  auto pipe = LogPipe::open(
      executor_, ServerLog(std::move(secrets)),
      [this] {
        lifecycle_.on_ls_listening(now());
        woken();
      },
      &spec->log_fd);
  if (pipe) {
    log_ = std::move(*pipe);
  } else {
    log_.reset();
    log::warning("the language server's log cannot be read, going on", {{"ERROR", pipe.error()}});
  }
}

/// The next three of the range that are all free; never those used last.
Result<Supervisor::ServerPorts> Supervisor::free_ports() {
  const int size = options_.last_port - options_.first_port + 1;
  for (int tried = 0; tried + kPorts <= size; tried += kPorts) {
    if (next_port_ + kPorts - 1 > options_.last_port) {
      next_port_ = options_.first_port;
    }
    const std::uint16_t https = next_port_;
    const auto http = static_cast<std::uint16_t>(https + 1);
    const auto lsp = static_cast<std::uint16_t>(https + 2);
    next_port_ = static_cast<std::uint16_t>(https + kPorts);
    if (is_free(executor_, https) && is_free(executor_, http) && is_free(executor_, lsp)) {
      return ServerPorts{https, http, lsp};
    }
  }
  return Error{Errc::unavailable, "no three free ports between " +
                                      std::to_string(options_.first_port) + " and " +
                                      std::to_string(options_.last_port)};
}

void Supervisor::tell_tenant(std::optional<std::uint32_t> uid) {
  if (options_.on_tenant) {
    options_.on_tenant(uid);
  }
}

void Supervisor::changed() {
  if (options_.on_change) {
    options_.on_change();
  }
}

}  // namespace agp::ls
