#pragma once

#include "daemon/policy/policy.h"
#include "daemon/relay/connection.h"
#include "daemon/relay/refused_hosts.h"
#include "daemon/tls/leaf_cache.h"

#include <memory>
#include <string>
#include <utility>

namespace agp::io {

/// What connections ask of their worker: policy, the upstream context, and leaves minted once per
/// name. One per worker, because the cache is not shared.
class PolicySurroundings final : public relay::Surroundings {
 public:
  /// @param upstream  shared by all workers; OpenSSL allows that for contexts.
  /// @param refused   shared by all workers; null counts no refusals, and so never tunnels for
  /// them.
  PolicySurroundings(std::shared_ptr<const policy::Policy> policy,
                     std::shared_ptr<const tls::Authority> authority,
                     std::shared_ptr<SSL_CTX> upstream,
                     std::shared_ptr<relay::RefusedHosts> refused = nullptr);

  /// For connections from now on; on the worker's own thread.
  void replace_policy(std::shared_ptr<const policy::Policy> policy) {
    policy_ = std::move(policy);
    sessions_.clear();
  }
  /// Leaves from now on are of this issuer; on the worker's own thread.
  void replace_authority(std::shared_ptr<const tls::Authority> authority) {
    leaves_.replace_authority(authority);
    authority_ = std::move(authority);
    answering_.reset();
  }
  /// What a connection that begins now goes by to its end.
  [[nodiscard]] const std::shared_ptr<const policy::Policy>& policy() const { return policy_; }

  /// Only a name that the client itself named is looked up; anything else is the fallback's.
  [[nodiscard]] relay::Decision decide(const relay::Hello& hello,
                                       std::string_view destination,
                                       usage::Micros now) override;
  [[nodiscard]] SSL_CTX* upstream_context() override { return upstream_.get(); }
  [[nodiscard]] Result<tls::Identity> identity(const std::string& host, usage::Micros now) override;
  [[nodiscard]] relay::Rewriting rewriting(rewrite::Protocol protocol,
                                           rewrite::Options options) override;
  void on_client_refused(const std::string& host, usage::Micros now) override;
  [[nodiscard]] X509* own_issuer() override { return authority_->certificate(); }
  [[nodiscard]] tls::SessionCache* upstream_sessions() override { return &sessions_; }

 private:
  std::shared_ptr<const policy::Policy> policy_;
  std::shared_ptr<const tls::Authority> authority_;
  tls::LeafCache leaves_;
  std::shared_ptr<SSL_CTX> upstream_;
  std::shared_ptr<relay::RefusedHosts> refused_;
  tls::SessionCache sessions_;          // verified against upstream_, and never used with another
  std::shared_ptr<SSL_CTX> answering_;  // for all leaves; made for the first of them
};

}  // namespace agp::io
