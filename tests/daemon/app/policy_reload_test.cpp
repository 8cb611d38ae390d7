#include "daemon/app/policy_reload.h"

#include "tests/daemon/config/config_folder.h"

namespace agp::app {
namespace {

using policy::Action;

class PolicyReloadTest : public daemon_config::ConfigFolder {
 protected:
  void start() {
    auto config = read();
    ASSERT_TRUE(config) << config.error().text();
    running_ = std::move(*config);
    PolicyReload::Ports ports;
    ports.load = [this] {
      return read();
    };
    ports.publish = [this](std::shared_ptr<const policy::Policy> policy) {
      published_.push_back(std::move(policy));
    };
    ports.now = [this] {
      return "time " + std::to_string(++now_);
    };
    reload_.emplace(&running_, std::move(ports));
  }

  daemon_config::Config running_;
  std::vector<std::shared_ptr<const policy::Policy>> published_;
  int now_ = 0;
  std::optional<PolicyReload> reload_;
};

TEST_F(PolicyReloadTest, TheFirstPolicyIsTheOneOfTheStart) {
  start();
  EXPECT_EQ(reload_->policy(), running_.policy);
  EXPECT_EQ(reload_->loaded().generation, 1U);
  EXPECT_EQ(reload_->loaded().loaded_at, "time 1");
  EXPECT_TRUE(published_.empty());
}

TEST_F(PolicyReloadTest, AGoodPolicyIsPublishedAsAWhole) {
  start();
  write("policy.yaml", "default: block\nhosts: [{match: api.openai.com, action: tunnel}]\n");
  const auto outcome = reload_->reload();
  EXPECT_EQ(outcome, (policy::ReloadOutcome{true, 2, {}, {}, {}}));
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_EQ(published_[0], reload_->policy());
  EXPECT_EQ(published_[0]->decide("x.example").action, Action::block);
  EXPECT_EQ(published_[0]->decide("api.openai.com").action, Action::tunnel);
  EXPECT_EQ(reload_->loaded().loaded_at, "time 2");
  EXPECT_EQ(running_.policy->decide("x.example").action, Action::tunnel)
      << "whoever holds the old one keeps it";
}

TEST_F(PolicyReloadTest, AnyFaultKeepsTheOldPolicyAndIsShownUntilItIsGone) {
  start();
  write("policy.yaml", "default: block\nhosts: [{match: api.openai.com}]\nfoo: 1\n");
  const auto outcome = reload_->reload();
  EXPECT_FALSE(outcome.is_reloaded);
  EXPECT_EQ(outcome.generation, 1U);
  EXPECT_EQ(outcome.faults.size(), 2U);
  EXPECT_EQ(reload_->faults(), outcome.faults);
  EXPECT_TRUE(published_.empty());
  EXPECT_EQ(reload_->policy(), running_.policy);
  EXPECT_EQ(reload_->loaded().loaded_at, "time 1");
  write("policy.yaml", "default: block\n");
  EXPECT_TRUE(reload_->reload().is_reloaded);
  EXPECT_TRUE(reload_->faults().empty());
}

TEST_F(PolicyReloadTest, AFaultInCorpKeepsTheOldPolicyToo) {
  start();
  write("policy.yaml", "default: block\n");
  write("corp.yaml", "lock: [everything]\n");
  EXPECT_FALSE(reload_->reload().is_reloaded);
  EXPECT_EQ(reload_->policy()->decide("x.example").action, Action::tunnel);
}

TEST_F(PolicyReloadTest, AHostTheAuthorityCannotSignForIsRefusedAsAWhole) {
  write("proxy.yaml", "capture: {inspect: [\"*.a.example\"]}\n");
  start();
  write("policy.yaml",
        "default: block\nhosts:\n  - {match: x.a.example, action: inspect}\n"
        "  - {match: new.example, action: inspect}\n");
  const auto outcome = reload_->reload();
  ASSERT_EQ(outcome.faults.size(), 1U);
  EXPECT_TRUE(outcome.faults[0].starts_with("policy.yaml:4: new.example")) << outcome.faults[0];
  EXPECT_NE(outcome.faults[0].find("systemctl restart antigravity-proxy"), std::string::npos);
  EXPECT_TRUE(published_.empty());
  write("policy.yaml", "hosts: [{match: x.a.example, action: inspect}]\n");
  EXPECT_TRUE(reload_->reload().is_reloaded);
}

TEST_F(PolicyReloadTest, WhatWasInspectedAtTheStartMayComeBack) {
  start();
  write("policy.yaml", "hosts: [{match: api.openai.com, action: tunnel}]\n");
  ASSERT_TRUE(reload_->reload().is_reloaded);
  write("policy.yaml", "hosts: [{match: api.openai.com, action: inspect}]\n");
  EXPECT_TRUE(reload_->reload().is_reloaded);
  EXPECT_EQ(reload_->loaded().generation, 3U);
}

TEST_F(PolicyReloadTest, OtherKeysOfTheProxyFileWaitForARestart) {
  start();
  write("proxy.yaml", "workers: 3\ncapture: {inspect: [api.openai.com]}\n");
  const auto outcome = reload_->reload();
  EXPECT_TRUE(outcome.is_reloaded);
  EXPECT_EQ(outcome.takes_effect_at_restart, std::vector<std::string>{"workers"});
  EXPECT_EQ(reload_->waiting_for_restart(), outcome.takes_effect_at_restart);
  EXPECT_EQ(reload_->policy()->decide("api.anthropic.com").action, Action::tunnel);
}

TEST_F(PolicyReloadTest, WarningsComeAlong) {
  start();
  write("policy.yaml", "default: block\n");
  write("corp.yaml", "lock: [default]\n");
  const auto outcome = reload_->reload();
  EXPECT_TRUE(outcome.is_reloaded);
  EXPECT_EQ(
      outcome.warnings,
      std::vector<std::string>{"policy.yaml:1: default is ignored, it is locked by corp.yaml:1"});
  EXPECT_EQ(reload_->loaded().locked, std::vector<std::string>{"default"});
}

}  // namespace
}  // namespace agp::app
