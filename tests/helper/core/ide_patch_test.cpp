#include "helper/core/ide_patch.h"

#include "helper/core/errc.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

class FakeFiles final : public ExtensionFiles {
 public:
  ExtensionReport look(const std::string& path) override { return note("look " + path, path); }
  Change apply(const std::string& path) override {
    return {path == "/a", note("apply " + path, path)};
  }
  Change revert(const std::string& path, WhenUndone when_undone) override {
    return {false, note((when_undone == WhenUndone::forget ? "forget " : "revert ") + path, path)};
  }
  std::vector<std::string> calls;

 private:
  ExtensionReport note(std::string call, const std::string& path) {
    calls.push_back(std::move(call));
    ExtensionReport report;
    report.path = path;
    return report;
  }
};

class FakeLock final : public TrustStore {
 public:
  std::string bundle_path() const override { return {}; }
  Result<std::string> system_certificates() override { return std::string(); }
  Result<std::optional<std::string>> read_bundle() override { return std::optional<std::string>(); }
  Result<> write_bundle(std::string_view) override { return {}; }
  Result<bool> remove_bundle() override { return false; }
  Result<std::shared_ptr<void>> lock() override {
    if (fails) {
      return Error(Errc::file, "stub");
    }
    return std::shared_ptr<void>();
  }
  bool fails = false;
};

struct Fixture {
  FakeFiles files;
  FakeLock lock;
  Result<Settings> settings = Settings();
  IdePatch patch{&files, &lock, [this] {
                   return settings;
                 }};

  Fixture() { settings->extensions = {"/a", "/b"}; }
};

TEST(IdePatch, GoesThroughTheConfiguredFilesAndNoOthers) {
  Fixture f;
  auto looked = f.patch.look();
  auto applied = f.patch.apply();
  auto reverted = f.patch.revert(ExtensionFiles::WhenUndone::refuse);
  auto forgotten = f.patch.revert(ExtensionFiles::WhenUndone::forget);
  ASSERT_TRUE(looked && applied && reverted && forgotten);
  EXPECT_EQ(f.files.calls,
            (std::vector<std::string>{"look /a", "look /b", "apply /a", "apply /b", "revert /a",
                                      "revert /b", "forget /a", "forget /b"}));
  EXPECT_TRUE(applied->changed);
  EXPECT_FALSE(reverted->changed);
  EXPECT_EQ(applied->files.at(1).path, "/b");
}

TEST(IdePatch, FaultySettingsAndALockThatFailsChangeNothing) {
  Fixture f;
  f.lock.fails = true;
  EXPECT_FALSE(f.patch.apply());
  EXPECT_FALSE(f.patch.revert(ExtensionFiles::WhenUndone::forget));
  f.lock.fails = false;
  f.settings = Error(Errc::configuration, "stub");
  EXPECT_EQ(f.patch.apply().error().code, Errc::configuration);
  EXPECT_EQ(f.patch.look().error().code, Errc::configuration);
  EXPECT_TRUE(f.files.calls.empty());
}

}  // namespace
}  // namespace agp::core
