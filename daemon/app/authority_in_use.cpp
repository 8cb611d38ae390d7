#include "daemon/app/authority_in_use.h"

#include "common/log/log.h"
#include "daemon/app/names.h"

#include <chrono>
#include <optional>
#include <utility>

#include <unistd.h>

namespace agp::app {
namespace {

api::CaReport::Certificate certificate_of(const tls::Authority& authority) {
  const auto micros = [](tls::Time at) {
    return std::chrono::time_point_cast<std::chrono::microseconds>(at);
  };
  return {authority.subject(), authority.fingerprint(), micros(authority.not_before()),
          micros(authority.not_after())};
}

}  // namespace

Result<std::unique_ptr<AuthorityInUse>> AuthorityInUse::open(const std::string& state_dir,
                                                             const policy::Policy* policy) {
  const bool had_one = ::access((state_dir + "/ca/ca.pem").c_str(), F_OK) == 0;
  auto opened = tls::Authority::open_or_create(state_dir, policy->inspected(),
                                               std::chrono::system_clock::now());
  if (!opened) {
    return opened.error();
  }
  std::unique_ptr<AuthorityInUse> made(new AuthorityInUse(state_dir, policy));
  made->authority_ = std::move(opened->authority);
  made->renewed_because_ = std::move(opened->renewed_because);
  made->is_replaced_ = had_one && !made->renewed_because_.empty();
  if (!made->renewed_because_.empty()) {
    log::notice("certificate authority made anew", {{"REASON", made->renewed_because_}});
  }
  return made;
}

void AuthorityInUse::allow_rotation(boost::asio::any_io_executor executor,
                                    boost::asio::any_io_executor blocking,
                                    LivePolicy* policy,
                                    LanguageServer* language_server,
                                    std::function<void()> on_change) {
  CaRotation::Ports ports;
  ports.make = [this] {
    return tls::Authority::create_next(state_dir_, policy_->inspected(),
                                       std::chrono::system_clock::now());
  };
  ports.adopt = [this] {
    return tls::Authority::adopt_next(state_dir_);
  };
  ports.discard = [this] {
    tls::Authority::discard_next(state_dir_);
  };
  ports.trust = [language_server](std::string pem) {
    return language_server->trust(std::move(pem));
  };
  ports.use = [this, policy](std::shared_ptr<const tls::Authority> next) {
    policy->use_authority(next);
    authority_ = std::move(next);
    is_replaced_ = false;
  };
  ports.has_language_server = [language_server] {
    return language_server->supervisor()->lifecycle().has_language_server();
  };
  ports.starts = [language_server] {
    return language_server->supervisor()->starts();
  };
  ports.is_busy = [language_server] {
    return language_server->turns()->are_under_way();
  };
  ports.restart_language_server = [language_server] {
    language_server->restart();
  };
  ports.on_change = std::move(on_change);
  rotation_ =
      std::make_unique<CaRotation>(std::move(executor), std::move(blocking), std::move(ports));
}

void AuthorityInUse::rotate() {
  if (rotation_ && !is_stopping_) {
    log::notice("somebody asks for another certificate authority");
    rotation_->begin(authority_);
  }
}

void AuthorityInUse::stop() {
  is_stopping_ = true;
  if (rotation_) {
    rotation_->stop();
  }
}

std::string AuthorityInUse::replaced_because() const {
  return is_replaced_ ? renewed_because_ : std::string();
}

api::CaReport AuthorityInUse::report() const {
  api::CaReport report;
  report.certificate = certificate_of(*authority_);
  report.renew_at = std::chrono::time_point_cast<std::chrono::microseconds>(authority_->renew_at());
  report.permitted = authority_->permitted();
  report.file = state_dir_ + "/ca/ca.pem";
  report.bundle = kTrustBundle;
  if (rotation_) {
    report.problem = rotation_->problem();
    if (rotation_->step() != CaRotation::Step::none) {
      const auto& next = rotation_->next();
      report.rotation = api::CaReport::Rotation{
          to_string(rotation_->step()), next ? std::optional(certificate_of(*next)) : std::nullopt};
    }
  }
  return report;
}

}  // namespace agp::app
