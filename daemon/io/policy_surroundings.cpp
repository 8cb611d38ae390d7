#include "daemon/io/policy_surroundings.h"

#include "daemon/rewrite/policy_rules.h"

#include <utility>

namespace agp::io {

PolicySurroundings::PolicySurroundings(std::shared_ptr<const policy::Policy> policy,
                                       std::shared_ptr<const tls::Authority> authority,
                                       std::shared_ptr<SSL_CTX> upstream,
                                       std::shared_ptr<relay::RefusedHosts> refused)
    : policy_(std::move(policy)),
      authority_(std::move(authority)),
      leaves_(authority_),
      upstream_(std::move(upstream)),
      refused_(std::move(refused)) {}

relay::Decision PolicySurroundings::decide(const relay::Hello& hello,
                                           std::string_view /*destination*/,
                                           usage::Micros now) {
  relay::Decision decision;
  // With ECH the name may be the outer one: what it hides is not ours to open.
  const bool is_named = hello.why == relay::Hello::Why::named && hello.host;
  const policy::Decision decided =
      policy_->decide(is_named ? std::optional<std::string_view>(*hello.host) : std::nullopt);
  decision.rewrite = decided.rewrites;
  decision.reason = decided.where;
  switch (decided.action) {
    case policy::Action::inspect:
      decision.disposition = relay::Disposition::inspect;
      break;
    case policy::Action::tunnel:
      decision.disposition = relay::Disposition::tunnel;
      break;
    case policy::Action::block:
      decision.disposition = relay::Disposition::block;
      break;
  }
  if (decision.disposition == relay::Disposition::inspect && refused_ &&
      refused_->is_tunnelled(*hello.host, decided.tunnel_after_refusals, now)) {
    decision.disposition = relay::Disposition::tunnel;
    decision.rewrite = false;
    decision.reason = "clients do not accept our certificate for this host, and " + decided.where +
                      " says to tunnel then";
  }
  return decision;
}

// The connection keeps the policy it began with, whatever is loaded meanwhile.
relay::Rewriting PolicySurroundings::rewriting(rewrite::Protocol protocol,
                                               rewrite::Options options) {
  relay::Rewriting made;
  made.rules = std::make_unique<rewrite::PolicyRules>(policy_, options.host);
  made.relay = rewrite::Relay::make(protocol, std::move(options), made.rules.get());
  return made;
}

void PolicySurroundings::on_client_refused(const std::string& host, usage::Micros now) {
  if (refused_) {
    refused_->on_refused(host, now);
  }
}

Result<tls::Identity> PolicySurroundings::identity(const std::string& host, usage::Micros now) {
  auto leaf = leaves_.get(host, now);
  if (!leaf) {
    return leaf.error();
  }
  if (!answering_) {
    auto made = tls::server_context(*authority_);
    if (!made) {
      return made.error();
    }
    tls::enable_alpn_selection(made->get());
    answering_ = std::move(*made);
  }
  return tls::Identity{answering_, std::move(*leaf)};
}

}  // namespace agp::io
