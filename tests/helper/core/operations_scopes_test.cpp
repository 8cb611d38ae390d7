// Commands that are captured, through the whole of the operations: what is granted, to whom, and
// until when.
#include "helper/core/errc.h"
#include "helper/core/operations.h"
#include "tests/helper/core/test_certificate.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

class FakeTree final : public ScopeTree {
 public:
  Result<std::optional<std::uint64_t>> look(const std::string& cgroup) override {
    if (!has_cgroup2) {
      return Error(Errc::unit, "no cgroup2");
    }
    const auto found = cgroups.find(cgroup);
    return found == cgroups.end() ? std::optional<std::uint64_t>() : found->second;
  }
  std::map<std::string, std::uint64_t> cgroups;
  bool has_cgroup2 = true;
};

class FakeRecords final : public ScopeRecords {
 public:
  Result<std::string> read_scopes() override { return text; }
  Result<> write_scopes(std::string_view content) override {
    if (fails) {
      return Error(Errc::file, "stub");
    }
    text = std::string(content);
    return {};
  }
  std::string text;
  bool fails = false;
};

/// Keeps the last transaction of each table, and like the kernel refuses one that names a cgroup
/// that is not there.
class FakeFirewall final : public Firewall {
 public:
  explicit FakeFirewall(FakeTree* tree) : tree_(tree) {}

  bool is_present(Family) override { return true; }
  Result<std::string> save(Family family, Table table) override { return tables[{family, table}]; }
  Result<> restore(Family family, const std::string& input) override {
    ++restores;
    if (on_restore) {
      on_restore();
    }
    std::istringstream lines(input);
    std::string now;
    std::set<std::string> chains;
    bool is_removal = false;
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find("--path \"");
      if (at != std::string::npos && !line.starts_with("-D")) {
        const auto path = line.substr(at + 8, line.find('"', at + 8) - at - 8);
        if (fails_on_scopes || tree_->cgroups.count(path) == 0) {
          return Error(Errc::firewall, "stub");
        }
      }
      is_removal = is_removal || line.starts_with("-X");
      if (line.starts_with(":") || line.starts_with("-A") || line.starts_with("*")) {
        now += line + "\n";
      } else if (line.starts_with("-I")) {
        now += "-A" + line.substr(2) + "\n";
      }
    }
    tables[{family, input.starts_with("*nat") ? Table::nat : Table::filter}] =
        is_removal ? std::string() : now;
    return {};
  }

  [[nodiscard]] bool names(const std::string& path) const {
    return std::any_of(tables.begin(), tables.end(), [&](const auto& table) {
      return table.second.find('"' + path + '"') != std::string::npos;
    });
  }
  [[nodiscard]] bool names_everywhere(const std::string& path) const {
    return tables.size() == 4 && std::all_of(tables.begin(), tables.end(), [&](const auto& table) {
             return table.second.find('"' + path + '"') != std::string::npos;
           });
  }

  std::map<std::pair<Family, Table>, std::string> tables;
  std::function<void()> on_restore;
  bool fails_on_scopes = false;
  int restores = 0;

 private:
  FakeTree* tree_;
};

class FakeTrust final : public TrustStore {
 public:
  std::string bundle_path() const override { return "/run/x/ca-bundle.pem"; }
  Result<std::string> system_certificates() override { return std::string("SYSTEM\n"); }
  Result<std::optional<std::string>> read_bundle() override { return bundle; }
  Result<> write_bundle(std::string_view content) override {
    bundle = std::string(content);
    return {};
  }
  Result<bool> remove_bundle() override {
    bundle.reset();
    return true;
  }
  Result<std::shared_ptr<void>> lock() override { return std::shared_ptr<void>(); }
  std::optional<std::string> bundle;
};

class FakeAccounts final : public AccountDatabase {
 public:
  Accounts look_up() override { return {991, 992}; }
};

class NoPrograms final : public Programs {
 public:
  Result<> check(const std::string&) override { return Error(Errc::no_binary, "stub"); }
  Result<FileIdentity> identity(const std::string&) override { return FileIdentity(); }
};

class FakeSecrets final : public StartSecrets {
 public:
  Result<std::string> put(std::string_view) override { return std::string(); }
  Result<> remove_secrets() override { return {}; }
};

class NoUnits final : public UnitManager {
 public:
  Result<> start(const UnitSpec&) override { return {}; }
  Result<std::string> run(UnitSpec, const RunLimits&) override { return std::string(); }
  Result<> stop(const std::string&) override { return {}; }
  Result<std::vector<UnitState>> language_servers() override { return std::vector<UnitState>(); }
  std::vector<UnitExit> take_exits() override { return {}; }
};

std::string id_of_number(int number) {
  auto digits = std::to_string(number);
  return std::string(32 - digits.size(), '0') + digits;
}

class OperationsScopes : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(operations.ensure_redirect());
    ASSERT_TRUE(operations.ensure_trust_bundle(make_pem()));
  }

  /// A scope of that user's with a process in it.
  std::string begin(uid_t user, int number) {
    const auto place = scope_places(user, id_of_number(number))[0];
    tree.cgroups[place] = static_cast<std::uint64_t>(1000 + number);
    return place;
  }

  FakeTree tree;
  FakeRecords records;
  FakeFirewall firewall{&tree};
  FakeTrust trust;
  FakeAccounts accounts;
  NoPrograms programs;
  FakeSecrets secrets;
  NoUnits units;
  Ports ports{&firewall,
              &trust,
              &accounts,
              &programs,
              &units,
              &secrets,
              [] { return Result<Settings>(Settings()); },
              [] { return static_cast<std::int64_t>(std::time(nullptr)); },
              nullptr,
              nullptr,
              &tree,
              &records};
  Operations operations{ports};
};

TEST_F(OperationsScopes, ACommandIsCapturedInBothFamiliesUntilItEnds) {
  const auto place = begin(1000, 1);
  const auto bundle = operations.capture_scope(1000, id_of_number(1));
  ASSERT_TRUE(bundle) << bundle.error().text();
  EXPECT_EQ(*bundle, "/run/x/ca-bundle.pem");
  EXPECT_TRUE(firewall.names_everywhere(place));
  EXPECT_TRUE(operations.watch(false).scopes_run);
  ASSERT_EQ(operations.status().captured_scopes.size(), 1U);
  EXPECT_EQ(operations.status().redirect_ipv4, "active");

  tree.cgroups.erase(place);
  EXPECT_EQ(operations.status().redirect_ipv4, "active");  // its rules match nobody
  EXPECT_FALSE(operations.watch(false).scopes_run);
  EXPECT_FALSE(firewall.names(place));
  EXPECT_TRUE(records.text.empty());
  EXPECT_EQ(operations.status().redirect_ipv4, "active");
}

TEST_F(OperationsScopes, TwiceIsAsGoodAsOnce) {
  begin(1000, 1);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  const int restores = firewall.restores;
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  EXPECT_EQ(firewall.restores, restores);
  EXPECT_EQ(operations.status().captured_scopes.size(), 1U);
}

TEST_F(OperationsScopes, NobodyCapturesWhatIsNotTheirs) {
  const auto place = begin(1000, 1);
  for (const uid_t user : {0U, 1001U}) {
    const auto foreign = operations.capture_scope(user, id_of_number(1));
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, Errc::unit);
  }
  for (const std::string id :
       {"", "../../../system.slice", "*", "00112233445566778899AABBCCDDEEFF"}) {
    const auto wrong = operations.check_capture(1000, id);
    ASSERT_FALSE(wrong) << id;
    EXPECT_EQ(wrong.error().code, Errc::invalid_argument);
    EXPECT_EQ(wrong.error().context.find(id.empty() ? "?" : id), std::string::npos);
  }
  EXPECT_FALSE(firewall.names(place));
}

TEST_F(OperationsScopes, TheAccountsOfTheServiceAreNeverCaptured) {
  for (const uid_t user : {991U, 992U}) {
    begin(user, 1);
    const auto refused = operations.capture_scope(user, id_of_number(1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  }
  EXPECT_TRUE(records.text.empty());
}

TEST_F(OperationsScopes, NothingIsCapturedWhereNobodyWouldListen) {
  begin(1000, 1);
  ASSERT_TRUE(operations.remove_redirect());
  const int restores = firewall.restores;
  const auto off = operations.capture_scope(1000, id_of_number(1));
  ASSERT_FALSE(off);
  EXPECT_EQ(off.error().code, Errc::not_protected);
  ASSERT_TRUE(operations.ensure_redirect());
  trust.bundle.reset();
  const auto untrusted = operations.capture_scope(1000, id_of_number(1));
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code, Errc::not_protected);
  EXPECT_GT(firewall.restores, restores);
  EXPECT_TRUE(records.text.empty());
}

TEST_F(OperationsScopes, WhatTheFirewallRefusesIsTakenBackAndTheRestStays) {
  const auto first = begin(1000, 1);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  const auto before = firewall.tables;
  // A second one whose cgroup the kernel does not find: the first is not disturbed.
  const auto second = begin(1001, 2);
  firewall.on_restore = [&, tries = 0]() mutable {
    firewall.fails_on_scopes = ++tries <= 3;
  };
  const auto refused = operations.capture_scope(1001, id_of_number(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::firewall);
  EXPECT_EQ(firewall.tables, before);
  EXPECT_TRUE(firewall.names_everywhere(first));
  EXPECT_FALSE(firewall.names(second));
  EXPECT_EQ(operations.status().captured_scopes.size(), 1U);
}

TEST_F(OperationsScopes, OneThatEndsUnderOurHandsTakesNothingElseWithIt) {
  const auto first = begin(1000, 1);
  const auto second = begin(1000, 2);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(2)));
  firewall.tables.clear();  // somebody flushed everything
  firewall.on_restore = [&] {
    tree.cgroups.erase(second);
  };
  ASSERT_TRUE(operations.ensure_redirect());
  EXPECT_TRUE(firewall.names_everywhere(first));
  EXPECT_FALSE(firewall.names(second));
}

TEST_F(OperationsScopes, ANewCgroupOfTheSameNameIsNotTheOneThatWasGranted) {
  const auto place = begin(1000, 1);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  tree.cgroups[place] = 77;
  EXPECT_FALSE(operations.watch(false).scopes_run);
  EXPECT_FALSE(firewall.names(place));
}

TEST_F(OperationsScopes, AHelperThatWasKilledLosesNothing) {
  const auto kept = begin(1000, 1);
  const auto ended = begin(1000, 2);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(2)));
  tree.cgroups.erase(ended);
  Operations next{ports};
  EXPECT_TRUE(next.watch(false).scopes_run);
  EXPECT_TRUE(firewall.names_everywhere(kept));
  EXPECT_FALSE(firewall.names(ended));
  // Killed between the record and the rules: the next ensure puts them in.
  const auto late = begin(1000, 3);
  records.text += format_scopes({{1000, late, 1003}});
  ASSERT_TRUE(*next.ensure_redirect());
  EXPECT_TRUE(firewall.names_everywhere(late));
}

TEST_F(OperationsScopes, CaptureOffAndOnKeepsThemAndReleaseForgetsThem) {
  const auto place = begin(1000, 1);
  ASSERT_TRUE(operations.capture_scope(1000, id_of_number(1)));
  ASSERT_TRUE(operations.remove_redirect());
  EXPECT_FALSE(firewall.names(place));
  // The end of another one puts nothing in while capture is off.
  records.text += format_scopes({{1000, scope_places(1000, id_of_number(9))[0], 5}});
  EXPECT_TRUE(operations.watch(true).scopes_run);
  EXPECT_FALSE(firewall.names(place));
  ASSERT_TRUE(operations.ensure_redirect());
  EXPECT_TRUE(firewall.names_everywhere(place));
  ASSERT_TRUE(operations.release());
  EXPECT_TRUE(records.text.empty());
  EXPECT_FALSE(firewall.names(place));
}

TEST_F(OperationsScopes, HasALimitForEachUser) {
  int number = 1;
  for (std::size_t i = 0; i < kMaxScopesPerUser; ++i, ++number) {
    const auto inode = static_cast<std::uint64_t>(1000 + number);
    records.text += format_scopes({{1000, begin(1000, number), inode}});
  }
  ASSERT_TRUE(operations.ensure_redirect());
  begin(1000, number);
  const auto full = operations.capture_scope(1000, id_of_number(number));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::limits);
  begin(1001, ++number);
  EXPECT_TRUE(operations.capture_scope(1001, id_of_number(number)));
  tree.cgroups.erase(scope_places(1000, id_of_number(1))[0]);
  begin(1000, ++number);
  EXPECT_TRUE(operations.capture_scope(1000, id_of_number(number)));
}

TEST_F(OperationsScopes, ARecordThatCannotBeWrittenGrantsNothing) {
  const auto place = begin(1000, 1);
  records.fails = true;
  const auto refused = operations.capture_scope(1000, id_of_number(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::file);
  EXPECT_FALSE(firewall.names(place));
}

TEST_F(OperationsScopes, AMachineWithoutCgroup2SaysSoAndProtectsTheLanguageServerAllTheSame) {
  tree.has_cgroup2 = false;
  const auto refused = operations.check_capture(1000, id_of_number(1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().context.find("cgroup2"), std::string::npos);
  records.text = format_scopes({{1000, scope_places(1000, id_of_number(1))[0], 5}});
  firewall.tables.clear();
  EXPECT_TRUE(operations.ensure_redirect());
}

}  // namespace
}  // namespace agp::core
