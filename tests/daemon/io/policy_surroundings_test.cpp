#include "daemon/io/policy_surroundings.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::io {
namespace {

using relay::Disposition;
using relay::Hello;

constexpr const char* kHost = "api.openai.com";

std::shared_ptr<const policy::Policy> inspecting(std::uint32_t tunnel_after) {
  policy::Parts parts;
  policy::HostRule rule;
  rule.match = *config::HostPattern::parse(kHost);
  rule.action = policy::Action::inspect;
  rule.tunnel_after_refusals = tunnel_after;
  parts.hosts.push_back(rule);
  return std::make_shared<const policy::Policy>(parts);
}

struct Rig {
  std::string directory = ::testing::TempDir() + "agp-surroundings-XXXXXX";
  std::shared_ptr<const tls::Authority> authority;
  std::shared_ptr<relay::RefusedHosts> refused = std::make_shared<relay::RefusedHosts>();
  std::shared_ptr<SSL_CTX> upstream{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  usage::Micros now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());

  Rig() {
    EXPECT_NE(::mkdtemp(directory.data()), nullptr);
    const auto pattern = *config::HostPattern::parse(kHost);
    authority = tls::Authority::open_or_create(directory, {&pattern, 1}, now)->authority;
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() { std::filesystem::remove_all(directory); }

  PolicySurroundings worker(std::uint32_t tunnel_after) {
    return {inspecting(tunnel_after), authority, upstream, refused};
  }
};

// threat-model 54
TEST(PolicySurroundings, OnlyANameThatTheClientItselfNamedIsInspected) {
  Rig rig;
  auto worker = rig.worker(0);
  EXPECT_EQ(worker.decide({Hello::Why::named, kHost}, {}, rig.now).disposition,
            Disposition::inspect);
  EXPECT_EQ(worker.decide({Hello::Why::ech, kHost}, {}, rig.now).disposition, Disposition::tunnel);
  for (const auto why :
       {Hello::Why::no_sni, Hello::Why::ip_literal, Hello::Why::not_tls, Hello::Why::malformed}) {
    EXPECT_EQ(worker.decide({why, std::nullopt}, {}, rig.now).disposition, Disposition::tunnel);
  }
}

TEST(PolicySurroundings, RefusalsUnderOneWorkerTunnelUnderEveryWorkerWherePolicySaysSo) {
  Rig rig;
  auto one = rig.worker(2);
  auto two = rig.worker(2);
  auto never = rig.worker(0);
  const Hello hello{Hello::Why::named, kHost};
  one.on_client_refused(kHost, rig.now);
  EXPECT_EQ(two.decide(hello, {}, rig.now).disposition, Disposition::inspect);
  one.on_client_refused(kHost, rig.now);
  const auto decision = two.decide(hello, {}, rig.now);
  EXPECT_EQ(decision.disposition, Disposition::tunnel);
  EXPECT_NE(decision.reason.find("do not accept our certificate"), std::string::npos);
  EXPECT_EQ(never.decide(hello, {}, rig.now).disposition, Disposition::inspect);
}

TEST(PolicySurroundings, ANewPolicyForgetsTheSessionsWithUpstream) {
  Rig rig;
  auto worker = rig.worker(0);
  tls::SessionPtr handle(SSL_SESSION_new());
  static constexpr unsigned char kId[] = {1};
  SSL_SESSION_set1_id(handle.get(), kId, sizeof kId);
  SSL_SESSION_set_timeout(handle.get(), 7200);
  SSL_SESSION_set_time(handle.get(), std::chrono::system_clock::to_time_t(rig.now));
  worker.upstream_sessions()->put("a", {std::move(handle), rig.now + std::chrono::hours(1)},
                                  rig.now);
  ASSERT_EQ(worker.upstream_sessions()->size(), 1U);
  worker.replace_policy(inspecting(0));
  EXPECT_EQ(worker.upstream_sessions()->size(), 0U);
}

}  // namespace
}  // namespace agp::io
