#include "daemon/io/policy_surroundings.h"

#include <utility>

namespace agp::io {

PolicySurroundings::PolicySurroundings(std::shared_ptr<const policy::Policy> policy,
                                       std::shared_ptr<const tls::Authority> authority,
                                       std::shared_ptr<SSL_CTX> upstream)
    : policy_(std::move(policy)), leaves_(std::move(authority)), upstream_(std::move(upstream)) {}

relay::Disposition PolicySurroundings::decide(const std::optional<std::string>& host) {
  switch (policy_->decide(host).action) {
    case policy::Action::inspect:
      return relay::Disposition::inspect;
    case policy::Action::tunnel:
      return relay::Disposition::tunnel;
    case policy::Action::block:
      return relay::Disposition::block;
  }
  return relay::Disposition::tunnel;
}

Result<std::shared_ptr<SSL_CTX>> PolicySurroundings::leaf_context(const std::string& host,
                                                                  usage::Micros now) {
  auto leaf = leaves_.get(host, now);
  if (!leaf) {
    return leaf.error();
  }
  auto& ready = contexts_[host];
  if (ready.leaf != *leaf) {
    auto made = tls::server_context(**leaf);
    if (!made) {
      contexts_.erase(host);
      return made.error();
    }
    tls::enable_alpn_selection(made->get());
    ready = {*leaf, std::move(*made)};
  }
  if (contexts_.size() > tls::LeafCache::kDefaultCapacity) {
    auto keep = std::move(contexts_[host]);
    contexts_.clear();
    auto context = keep.context;
    contexts_.emplace(host, std::move(keep));
    return context;
  }
  return ready.context;
}

}  // namespace agp::io
