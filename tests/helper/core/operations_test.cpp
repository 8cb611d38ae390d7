#include "helper/core/operations.h"

#include "helper/core/certificate.h"
#include "helper/core/errc.h"
#include "tests/helper/core/test_certificate.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

/// A kernel that understands the few words the plans use.
class FakeFirewall final : public Firewall {
 public:
  using Key = std::pair<Family, Table>;
  struct State {
    std::vector<std::string> chains{"OUTPUT"};
    std::vector<std::string> rules;
  };

  bool is_present(Family family) override { return family == Family::ipv4 || has_v6; }

  Result<std::string> save(Family family, Table table) override {
    std::string text = std::string("*") + to_string(table) + "\n";
    for (const auto& chain : tables[{family, table}].chains) {
      text += ":" + chain + " - [0:0]\n";
    }
    for (const auto& rule : tables[{family, table}].rules) {
      text += rule + "\n";
    }
    return text + "COMMIT\n";
  }

  Result<> restore(Family family, const std::string& input) override {
    ++restores;
    if (restores == fails_at || (fails_always_v6 && family == Family::ipv6)) {
      return Error(Errc::firewall, "stub");
    }
    const auto table = input.starts_with("*nat") ? Table::nat : Table::filter;
    order.push_back({family, table});
    State next = tables[{family, table}];
    std::istringstream lines(input);
    for (std::string line; std::getline(lines, line);) {
      apply(line, next);
    }
    tables[{family, table}] = next;
    return {};
  }

  std::map<Key, State> tables;
  std::vector<Key> order;
  bool has_v6 = true;
  bool fails_always_v6 = false;
  int restores = 0;
  int fails_at = 0;

 private:
  static void apply(const std::string& line, State& state) {
    const auto drop_rules_of = [&state](const std::string& chain) {
      std::erase_if(state.rules,
                    [&](const std::string& rule) { return rule.starts_with("-A " + chain + " "); });
    };
    if (line.starts_with(":")) {
      const auto chain = line.substr(1, line.find(' ') - 1);
      drop_rules_of(chain);
      if (std::find(state.chains.begin(), state.chains.end(), chain) == state.chains.end()) {
        state.chains.push_back(chain);
      }
    } else if (line.starts_with("-A")) {
      state.rules.push_back(line);
    } else if (line.starts_with("-I")) {
      state.rules.insert(state.rules.begin(), "-A" + line.substr(2));
    } else if (line.starts_with("-D")) {
      const auto found = std::find(state.rules.begin(), state.rules.end(), "-A" + line.substr(2));
      ASSERT_NE(found, state.rules.end()) << line;
      state.rules.erase(found);
    } else if (line.starts_with("-X")) {
      std::erase(state.chains, line.substr(3));
    }
  }
};

class FakeTrust final : public TrustStore {
 public:
  std::string bundle_path() const override { return "/run/x/ca-bundle.pem"; }
  Result<std::string> system_certificates() override { return std::string("SYSTEM\n"); }
  Result<std::optional<std::string>> read_bundle() override { return bundle; }
  Result<> write_bundle(std::string_view content) override {
    bundle = std::string(content);
    ++writes;
    return {};
  }
  Result<bool> remove_bundle() override {
    const bool was = bundle.has_value();
    bundle.reset();
    return was;
  }
  Result<std::shared_ptr<void>> lock() override { return std::shared_ptr<void>(); }
  std::optional<std::string> bundle;
  int writes = 0;
};

class FakeAccounts final : public AccountDatabase {
 public:
  Accounts look_up() override { return accounts; }
  Accounts accounts{991, 992};
};

class FakePrograms final : public Programs {
 public:
  Result<> check(const std::string& path) override {
    if (path == usable) {
      return {};
    }
    return Error(Errc::no_binary, path + " does not exist");
  }
  Result<FileIdentity> identity(const std::string&) override { return file; }
  std::string usable = Settings().binaries[0];
  FileIdentity file{1, 2, 3, 4};
};

class FakeSecrets final : public StartSecrets {
 public:
  Result<std::string> put(std::string_view content) override {
    kept = std::string(content);
    last = *kept;
    return std::string("/run/x/start.env");
  }
  Result<> remove_secrets() override {
    kept.reset();
    return {};
  }
  std::optional<std::string> kept;
  std::string last;
};

class FakeUnits final : public UnitManager {
 public:
  Result<> start(const UnitSpec& spec) override {
    if (fails) {
      return Error(Errc::unit, "stub");
    }
    units[spec.name] = "active";
    started = spec;
    return {};
  }
  Result<std::string> run(UnitSpec spec, const RunLimits& limits) override {
    ++runs;
    EXPECT_EQ(id_of(spec.name), "");
    EXPECT_EQ(limits.output_bytes, kMaxHelpBytes);
    return help;
  }
  Result<> stop(const std::string& unit) override {
    if (on_stop) {
      on_stop();
    }
    if (units.erase(unit) > 0) {
      exits.push_back({unit, "success", 0});
    }
    return {};
  }
  Result<std::vector<UnitState>> language_servers() override {
    std::vector<UnitState> list;
    for (const auto& [name, state] : units) {
      list.push_back({name, state});
    }
    return list;
  }
  bool can_restrict_interfaces() override { return restricts; }
  std::vector<UnitExit> take_exits() override { return std::exchange(exits, {}); }

  std::map<std::string, std::string> units;
  std::vector<UnitExit> exits;
  bool fails = false;
  bool restricts = false;
  std::function<void()> on_stop;
  UnitSpec started;
  int runs = 0;
  Result<std::string> help = std::string(
      "Usage:\n  -csrf_token string\n  -extension_server_port int\n  -server_port int\n");
};

class OperationsTest : public ::testing::Test {
 protected:
  FakeFirewall firewall;
  FakeTrust trust;
  FakeAccounts accounts;
  FakePrograms programs;
  FakeUnits units;
  FakeSecrets secrets;
  int ids = 0;
  Settings settings;
  bool settings_fail = false;

  Ports operations_ports() {
    return {&firewall,
            &trust,
            &accounts,
            &programs,
            &units,
            &secrets,
            [this] {
              return settings_fail ? Result<Settings>(Error(Errc::configuration, "stub"))
                                   : Result<Settings>(settings);
            },
            [] { return static_cast<std::int64_t>(std::time(nullptr)); },
            [this] {
              return Result<std::string>(std::string(31, '0') + std::to_string(ids++));
            }};
  }
  Operations operations{operations_ports()};
  const StartRequest request{42100, 42101, 35987, "tok", "", "", 0};

  void protect() {
    ASSERT_TRUE(operations.ensure_redirect());
    ASSERT_TRUE(operations.ensure_trust_bundle(make_pem()));
  }
  bool has_rules() {
    for (const auto& [key, state] : firewall.tables) {
      if (!state.rules.empty() || state.chains.size() > 1) {
        return true;
      }
    }
    return false;
  }
};

TEST_F(OperationsTest, FiltersBothFamiliesBeforeTheFirstPacketIsRedirected) {
  ASSERT_TRUE(*operations.ensure_redirect());
  const std::vector<FakeFirewall::Key> expected{{Family::ipv4, Table::filter},
                                                {Family::ipv6, Table::filter},
                                                {Family::ipv4, Table::nat},
                                                {Family::ipv6, Table::nat}};
  EXPECT_EQ(firewall.order, expected);
  EXPECT_FALSE(*operations.ensure_redirect());
  firewall.order.clear();
  ASSERT_TRUE(*operations.remove_redirect());
  EXPECT_EQ(firewall.order.front().second, Table::nat);
  EXPECT_EQ(firewall.order.back().second, Table::filter);
  EXPECT_FALSE(has_rules());
}

// threat-model 30
TEST_F(OperationsTest, AKillAfterAnyStepIsRepaired) {
  for (int steps = 0; steps <= 4; ++steps) {
    SCOPED_TRACE(steps);
    FakeFirewall whole;
    std::swap(firewall.tables, whole.tables);
    ASSERT_TRUE(operations.ensure_redirect());
    // What a helper that was killed after `steps` transactions leaves.
    int kept = 0;
    for (const auto table : {Table::filter, Table::nat}) {
      for (const auto family : {Family::ipv4, Family::ipv6}) {
        if (kept++ >= steps) {
          firewall.tables.erase({family, table});
        }
      }
    }
    auto done = operations.ensure_redirect();
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, steps < 4);
    EXPECT_FALSE(*operations.ensure_redirect());
    ASSERT_TRUE(operations.remove_redirect());
    EXPECT_FALSE(has_rules());
  }
}

// threat-model 31
TEST_F(OperationsTest, AFailingFamilyTakesEverythingBack) {
  firewall.fails_always_v6 = true;
  auto done = operations.ensure_redirect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::firewall);
  EXPECT_FALSE(has_rules());
}

TEST_F(OperationsTest, OneConflictWithAnotherProgramIsTriedAgain) {
  firewall.fails_at = 2;
  EXPECT_TRUE(operations.ensure_redirect());
}

TEST_F(OperationsTest, AKernelWithoutIpv6NeedsNoIpv6Rules) {
  firewall.has_v6 = false;
  ASSERT_TRUE(operations.ensure_redirect());
  EXPECT_EQ(firewall.order.size(), 2U);
  EXPECT_EQ(operations.status().redirect_ipv6, "not_present");
}

// threat-model 37
TEST_F(OperationsTest, RefusesAccountsThatWouldCatchOthers) {
  for (const auto& wrong : {Accounts{0, 992}, Accounts{992, 992}, Accounts{std::nullopt, 992},
                            Accounts{991, std::nullopt}}) {
    accounts.accounts = wrong;
    auto done = operations.ensure_redirect();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::accounts);
  }
  EXPECT_EQ(firewall.restores, 0);
}

TEST_F(OperationsTest, WritesTheBundleOnce) {
  const auto pem = make_pem();
  auto first = operations.ensure_trust_bundle(pem);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->changed);
  auto second = operations.ensure_trust_bundle(pem);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->changed);
  EXPECT_EQ(second->sha256, first->sha256);
  EXPECT_EQ(trust.writes, 1);
  EXPECT_FALSE(operations.ensure_trust_bundle("nonsense"));
  EXPECT_EQ(trust.writes, 1);
}

// threat-model 30
// threat-model 31
TEST_F(OperationsTest, StartsNothingThatIsNotProtected) {
  auto none = operations.start_language_server(request, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_protected);
  ASSERT_TRUE(operations.ensure_redirect());
  auto no_bundle = operations.start_language_server(request, {});
  ASSERT_FALSE(no_bundle);
  EXPECT_EQ(no_bundle.error().code, Errc::not_protected);
  protect();
  firewall.tables[{Family::ipv6, Table::nat}] = {};
  auto half = operations.start_language_server(request, {});
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, Errc::not_protected);
  EXPECT_TRUE(units.units.empty());
}

TEST_F(OperationsTest, StartsUpToFour) {
  protect();
  for (int i = 0; i < 4; ++i) {
    auto started = operations.start_language_server(request, {});
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(started->unit, unit_of(started->id));
  }
  auto fifth = operations.start_language_server(request, {});
  ASSERT_FALSE(fifth);
  EXPECT_EQ(fifth.error().code, Errc::limits);
}

TEST_F(OperationsTest, AsksABinaryForItsFlagsOncePerFile) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  ASSERT_TRUE(operations.start_language_server(request, {}));
  EXPECT_EQ(units.runs, 1);
  programs.file.changed_ns = 5;  // updated
  units.help =
      "Usage:\n  -csrf_token string\n  -extension_server_port int\n"
      "  -extension_server_csrf_token string\n  -https_server_port int\n";
  const auto started = operations.start_language_server(request, {});
  ASSERT_TRUE(started);
  EXPECT_FALSE(started->has_one_token);
  EXPECT_EQ(units.runs, 2);
}

TEST_F(OperationsTest, ABinaryThatSaysNothingUsefulIsNotStartedAndAskedAgain) {
  protect();
  units.help = std::string("segmentation fault\n");
  const auto refused = operations.start_language_server(request, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_binary);
  EXPECT_NE(refused.error().context.find("lists no flags"), std::string::npos);
  units.help = Error(Errc::unit, "it did not end in time");
  const auto slow = operations.start_language_server(request, {});
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, Errc::no_binary);
  EXPECT_NE(slow.error().context.find("did not end in time"), std::string::npos);
  EXPECT_EQ(units.runs, 2);
  EXPECT_TRUE(units.units.empty());
}

// threat-model 25
TEST_F(OperationsTest, KeepsSecretsInAFileForTheTimeOfTheStart) {
  protect();
  const auto started = operations.start_language_server(request, {});
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->has_one_token);
  EXPECT_EQ(secrets.last, "AGP_CSRF_TOKEN=tok\n");
  EXPECT_FALSE(secrets.kept);
  for (const auto& property : units.started.properties) {
    if (const auto* command = std::get_if<Command>(&property.value)) {
      EXPECT_EQ(std::count(command->argv.begin(), command->argv.end(), "tok"), 0);
    }
  }
  units.fails = true;
  EXPECT_FALSE(operations.start_language_server(request, {}));
  EXPECT_FALSE(secrets.kept);
}

// threat-model 20
TEST_F(OperationsTest, AnUnusableBinaryIsRefusedWithTheReason) {
  protect();
  auto other = request;
  other.binary_index = 1;
  auto refused = operations.start_language_server(other, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_binary);
  const auto report = operations.status();
  EXPECT_TRUE(report.binaries.at(0).usable);
  EXPECT_FALSE(report.binaries.at(1).usable);
  EXPECT_NE(report.binaries.at(1).reason.find("does not exist"), std::string::npos);
}

// threat-model 20
TEST_F(OperationsTest, ABinaryThatWasReplacedSinceItWasUsableIsNotStarted) {
  protect();
  const auto started = operations.start_language_server(request, {});
  ASSERT_TRUE(started);
  ASSERT_TRUE(operations.status().binaries.at(0).usable);
  ASSERT_TRUE(operations.stop_language_server(started->id));
  // The same path, and what it lists is known: nothing that was found before counts.
  programs.usable.clear();
  const auto refused = operations.start_language_server(request, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_binary);
  EXPECT_TRUE(units.units.empty());
}

TEST_F(OperationsTest, RemovingTheRedirectStopsTheServersFirst) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  ASSERT_TRUE(operations.remove_redirect());
  EXPECT_TRUE(units.units.empty());
  const auto found = operations.watch(false);
  ASSERT_EQ(found.exits.size(), 1U);
  EXPECT_EQ(found.exits[0].result, "success");
}

// threat-model 35
TEST_F(OperationsTest, LostRulesComeBackAndStopTheServer) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  auto found = operations.watch(true);
  EXPECT_TRUE(operations.keeps_rules());
  EXPECT_TRUE(found.repairs.empty());
  firewall.tables.clear();
  EXPECT_TRUE(operations.watch(false).repairs.empty()) << "not asked to look";
  found = operations.watch(true);
  ASSERT_EQ(found.repairs.size(), 1U);
  EXPECT_EQ(found.repairs[0].lost,
            (std::vector<std::string>{"IPv4 filter", "IPv6 filter", "IPv4 nat", "IPv6 nat"}));
  EXPECT_TRUE(found.repairs[0].stopped_servers);
  EXPECT_FALSE(found.loss);
  EXPECT_TRUE(units.units.empty());
  const auto status = operations.status();
  EXPECT_EQ(status.redirect_ipv4, "active");
  EXPECT_EQ(status.repairs, 1U);
  EXPECT_GT(status.last_repair, 0);
  EXPECT_EQ(status.last_lost, found.repairs[0].lost);
  EXPECT_TRUE(operations.watch(true).repairs.empty()) << "told once";
}

TEST_F(OperationsTest, TheServerStaysWhenTheFilterNeverWentAway) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  firewall.tables.erase({Family::ipv6, Table::nat});
  const auto found = operations.watch(true);
  ASSERT_EQ(found.repairs.size(), 1U);
  EXPECT_EQ(found.repairs[0].lost, std::vector<std::string>{"IPv6 nat"});
  EXPECT_FALSE(found.repairs[0].stopped_servers);
  EXPECT_TRUE(found.servers_run);
  EXPECT_EQ(operations.status().redirect_ipv6, "active");
}

TEST_F(OperationsTest, TheRulesAreBackBeforeTheServerIsStopped) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  firewall.tables.clear();
  units.on_stop = [this] {
    EXPECT_EQ(operations.status().redirect_ipv4, "active");
  };
  EXPECT_TRUE(operations.watch(true).repairs.at(0).stopped_servers);
}

TEST_F(OperationsTest, WhatCannotBePutBackStopsTheServerAndIsNotTriedAgain) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  firewall.tables.clear();
  firewall.fails_always_v6 = true;
  const auto found = operations.watch(true);
  ASSERT_TRUE(found.loss);
  EXPECT_TRUE(found.repairs.empty());
  EXPECT_FALSE(operations.keeps_rules()) << "the daemon asks for them again";
  EXPECT_FALSE(found.servers_run);
  EXPECT_FALSE(has_rules());
  firewall.fails_always_v6 = false;
  EXPECT_FALSE(operations.watch(true).loss);
  EXPECT_FALSE(has_rules());
}

TEST_F(OperationsTest, ALossThatACallerNoticesIsToldAsWell) {
  protect();
  firewall.tables.erase({Family::ipv4, Table::filter});
  EXPECT_TRUE(*operations.ensure_redirect());
  const auto found = operations.watch(false);
  ASSERT_EQ(found.repairs.size(), 1U);
  EXPECT_EQ(found.repairs[0].lost, std::vector<std::string>{"IPv4 filter"});
  EXPECT_FALSE(found.repairs[0].stopped_servers) << "none ran";
}

TEST_F(OperationsTest, RulesThatWereTakenBackAreNotMissed) {
  protect();
  ASSERT_TRUE(operations.remove_redirect());
  EXPECT_FALSE(operations.keeps_rules());
  (void)operations.watch(true);
  EXPECT_FALSE(has_rules());
}

// threat-model 36
TEST_F(OperationsTest, OnlyStrictKeepsTheServerToLoopback) {
  const auto is_kept = [this] {
    const auto& p = units.started.properties;
    return std::any_of(p.begin(), p.end(),
                       [](const auto& each) { return each.name == "RestrictNetworkInterfaces"; });
  };
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  EXPECT_FALSE(is_kept());
  EXPECT_EQ(operations.status().egress, "metered");
  EXPECT_EQ(operations.status().egress_guard, "off");
  settings.egress = Egress::strict;
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  EXPECT_TRUE(is_kept());
  EXPECT_EQ(operations.status().egress, "strict");
  EXPECT_EQ(operations.status().egress_guard, "unsupported");
  units.restricts = true;
  EXPECT_EQ(operations.status().egress_guard, "loopback");
}

TEST_F(OperationsTest, TheGuardIsLeftOutWhereItWouldCutTheResolverOff) {
  settings.egress = Egress::strict;
  auto ports = operations_ports();
  ports.resolvers = [] {
    return std::vector<std::string>{"203.0.113.53"};
  };
  Operations strict{ports};
  ASSERT_TRUE(strict.ensure_redirect());
  ASSERT_TRUE(strict.ensure_trust_bundle(make_pem()));
  ASSERT_TRUE(strict.start_language_server(request, {}));
  for (const auto& property : units.started.properties) {
    EXPECT_NE(property.name, "RestrictNetworkInterfaces");
  }
  EXPECT_EQ(strict.status().egress_guard, "resolver");
}

TEST_F(OperationsTest, AnotherConfigurationIsNoLoss) {
  protect();
  settings.ports = {50000, 50099};
  const auto found = operations.watch(true);
  EXPECT_TRUE(found.repairs.empty());
  EXPECT_EQ(operations.status().redirect_ipv4, "active") << "it is applied, all the same";
}

TEST_F(OperationsTest, AFaultyConfigurationDoesNotKeepRulesFromComingBack) {
  protect();
  const auto before = firewall.tables.at({Family::ipv4, Table::nat}).rules;
  settings_fail = true;
  firewall.tables.clear();
  EXPECT_EQ(operations.watch(true).repairs.size(), 1U);
  EXPECT_EQ((firewall.tables[{Family::ipv4, Table::nat}].rules), before);
}

TEST_F(OperationsTest, TheNextProcessKeepsWhatThisOneLeft) {
  protect();
  operations.adopt();
  Operations next{operations_ports()};
  next.adopt();
  EXPECT_TRUE(next.keeps_rules());
  firewall.tables.erase({Family::ipv4, Table::nat});
  EXPECT_EQ(next.watch(true).repairs.size(), 1U);
  ASSERT_TRUE(next.remove_redirect());
  Operations idle{operations_ports()};
  idle.adopt();
  EXPECT_FALSE(idle.keeps_rules());
}

TEST_F(OperationsTest, StatusTellsPartialFromAbsent) {
  EXPECT_EQ(operations.status().redirect_ipv4, "absent");
  ASSERT_TRUE(operations.ensure_redirect());
  firewall.tables[{Family::ipv4, Table::nat}] = {};
  const auto report = operations.status();
  EXPECT_EQ(report.redirect_ipv4, "partial");
  EXPECT_EQ(report.redirect_ipv6, "active");
  EXPECT_FALSE(report.problems.empty());
}

TEST_F(OperationsTest, ReleaseLeavesNothing) {
  protect();
  ASSERT_TRUE(operations.start_language_server(request, {}));
  ASSERT_TRUE(operations.release());
  EXPECT_FALSE(has_rules());
  EXPECT_FALSE(trust.bundle);
  EXPECT_TRUE(units.units.empty());
  EXPECT_TRUE(operations.release());
}

TEST_F(OperationsTest, SaysWhetherThereIsAnythingToRelease) {
  EXPECT_FALSE(operations.is_anything_left());
  protect();
  EXPECT_TRUE(operations.is_anything_left());
  ASSERT_TRUE(operations.release());
  EXPECT_FALSE(operations.is_anything_left());
  ASSERT_TRUE(operations.ensure_redirect());
  EXPECT_TRUE(operations.is_anything_left());
  ASSERT_TRUE(operations.remove_redirect());
  trust.bundle = "a bundle";
  EXPECT_TRUE(operations.is_anything_left());
}

}  // namespace
}  // namespace agp::core
