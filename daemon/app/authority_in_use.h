#pragma once

#include "common/base/result.h"
#include "daemon/api/ca_report.h"
#include "daemon/app/ca_rotation.h"
#include "daemon/app/language_server.h"
#include "daemon/app/live_policy.h"
#include "daemon/policy/policy.h"
#include "daemon/tls/ca.h"

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

namespace agp::app {

/// The certificate authority that leaves are of, and how another one takes its place.
/// All methods on the control thread.
class AuthorityInUse {
 public:
  /// Opens the one of `state_dir`, or makes it.
  /// @param policy  its inspected hosts are what the authority may sign for; outlives the object.
  [[nodiscard]] static Result<std::unique_ptr<AuthorityInUse>> open(const std::string& state_dir,
                                                                    const policy::Policy* policy);

  /// From now on it can be replaced. What is pointed to outlives the object.
  /// @param blocking   where the disk is waited for.
  /// @param on_change  of what report() says.
  void allow_rotation(boost::asio::any_io_executor executor,
                      boost::asio::any_io_executor blocking,
                      LivePolicy* policy,
                      LanguageServer* language_server,
                      std::function<void()> on_change);
  /// Another one takes its place while streams go on. Does nothing while that is under way, cannot
  /// be, or stop() was called.
  void rotate();
  void stop();

  [[nodiscard]] const std::shared_ptr<const tls::Authority>& get() const { return authority_; }
  /// Why the one of before was replaced at the start, while programs that trust it may be running;
  /// else empty.
  [[nodiscard]] std::string replaced_because() const;
  [[nodiscard]] api::CaReport report() const;

 private:
  AuthorityInUse(std::string state_dir, const policy::Policy* policy)
      : state_dir_(std::move(state_dir)), policy_(policy) {}

  std::string state_dir_;
  const policy::Policy* policy_;
  std::shared_ptr<const tls::Authority> authority_;
  std::string renewed_because_;
  bool is_replaced_ = false;
  bool is_stopping_ = false;
  std::unique_ptr<CaRotation> rotation_;  // null: it cannot be replaced
};

}  // namespace agp::app
