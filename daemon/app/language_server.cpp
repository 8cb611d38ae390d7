#include "daemon/app/language_server.h"

#include "common/base/account.h"
#include "common/log/log.h"
#include "daemon/app/names.h"
#include "daemon/app/tasks.h"
#include "daemon/ls/process_scan.h"
#include "daemon/ls/remote_finder.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kBundlePause = 100ms;  // while the life cycle has it written
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

LanguageServer::LanguageServer(Surroundings around) : around_(std::move(around)) {
  Logins::Sources from;
  from.now = around_.now;
  from.ledger = around_.ledger;
  from.pool = around_.pool;
  logins_ = std::make_unique<Logins>(std::move(from));
}

// Under systemd another process looks, so that this one need not see those of other users.
std::unique_ptr<ls::SessionFinder> LanguageServer::make_finder() const {
  if (!around_.options->finder_socket.empty()) {
    ls::RemoteFinder::Options remote;
    remote.socket = around_.options->finder_socket;
    remote.user = around_.config->language_server_user;
    remote.own_ls_account = kLsAccount;
    return std::make_unique<ls::RemoteFinder>(std::move(remote));
  }
  ls::ProcessScan::Options scan;
  scan.user = around_.config->language_server_user;
  scan.own_ls_account = kLsAccount;
  return std::make_unique<ls::ProcessScan>(std::move(scan));
}

void LanguageServer::manage(ls::HelperPort* helper, std::string trusted_pem) {
  const auto& config = *around_.config;
  helper_ = helper;
  finder_ = make_finder();
  ls::Supervisor::Options options;
  options.on_tenant = [this](std::optional<std::uint32_t> uid) {
    around_.tenancy->set(uid);
  };
  options.settings.capture = config.capture_mode == daemon_config::CaptureMode::service;
  options.settings.manage_ls =
      config.language_server_mode == daemon_config::LanguageServerMode::managed;
  options.settings.user = config.language_server_user;
  options.ca_certificate_pem = std::move(trusted_pem);
  options.on_change = [this] {
    if (const auto usable = supervisor_ ? supervisor_->endpoint() : nullptr) {
      around_.correlation->on_instance(usable->instance);
    }
    around_.on_change();
  };
  supervisor_ = std::make_unique<ls::Supervisor>(around_.control->get_executor(), helper,
                                                 finder_.get(), std::move(options));
  use(supervisor_.get());
  is_supervising_ = true;
  asio::co_spawn(*around_.control, supervisor_->run(), [this](const std::exception_ptr& problem) {
    log_unhandled(problem, "supervisor");
    is_supervising_ = false;
    around_.on_stopped();
  });
}

Result<> LanguageServer::attach() {
  auto attached = AttachedLs::open(around_.config->attached_ls);
  if (!attached) {
    return attached.error();
  }
  attached_ = std::move(*attached);
  around_.correlation->on_instance(AttachedLs::kInstance);
  around_.tenancy->set(find_uid(around_.config->language_server_user));
  use(attached_.get());
  return {};
}

void LanguageServer::use(const ls::EndpointSource* source) {
  ls::LsDriver::Options driving;
  driving.watcher = around_.correlation;
  driver_ = std::make_unique<ls::LsDriver>(source, driving);
  turns_ = std::make_unique<Turns>(driver_.get());
  read_quota_of(source);
}

void LanguageServer::read_quota_of(const ls::EndpointSource* source) {
  const auto every = around_.config->quota_every;
  quota_sampler_ =
      std::make_unique<QuotaSampler>(around_.control->get_executor(), around_.ledger, every);
  ls::QuotaReader::Options options;
  options.owner = [this] {
    return session_uid();
  };
  if (every > 0ms) {
    options.pace.after_success =
        std::min<std::chrono::steady_clock::duration>(options.pace.after_success, every);
  }
  options.on_answer = [this](const ls::QuotaReading& reading) {
    quota_sampler_->on_answer(reading);
  };
  quota_reader_ = std::make_unique<ls::QuotaReader>(around_.control->get_executor(), source,
                                                    std::move(options));
  quota_sampler_->ask(quota_reader_.get());
  logins_->ask(quota_reader_.get(),
               [this] { return supervisor_ ? supervisor_->sessions() : ls::SessionList(); });
  around_.telemetry->tell_quota_of(quota_reader_.get());
  around_.ledger->subscribe([this](const usage::Record& record) {
    if (record.api == usage::Api::code_assist && record.owner_uid) {
      asio::post(*around_.control, [this, owner = record.owner_uid] {
        if (owner == session_uid()) {
          quota_sampler_->on_call();
        }
      });
    }
  });
}

std::optional<std::uint32_t> LanguageServer::session_uid() const {
  return supervisor_ ? supervisor_->session_uid()
         : attached_ ? find_uid(around_.config->language_server_user)
                     : std::nullopt;
}

void LanguageServer::restart() {
  const auto& lifecycle = supervisor_->lifecycle();
  if (!lifecycle.is_held() && !lifecycle.is_released()) {
    supervisor_->request(ls::Supervisor::Order::restart);
  }
}

// One that the life cycle writes at this moment would replace it with the certificate of before.
asio::awaitable<Result<>> LanguageServer::trust(std::string pem) {
  asio::steady_timer pause(*around_.control);
  while (supervisor_->phase() == control::Phase::ensuring_bundle) {
    pause.expires_after(kBundlePause);
    auto [ec] = co_await pause.async_wait(kTuple);
    if (ec || is_stopping_) {
      co_return Error(asio::error::operation_aborted, "the service stops");
    }
  }
  supervisor_->set_trusted(pem);
  auto asked = helper_->ensure_trust_bundle(std::move(pem));
  co_return co_await std::move(asked);
}

void LanguageServer::begin_stop() {
  is_stopping_ = true;
  if (quota_sampler_) {
    quota_sampler_->stop();
  }
}

}  // namespace agp::app
