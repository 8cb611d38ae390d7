// Temporary trees with what somebody may have planted there, and processes that die in the middle.
#include "helper/os/extension_store.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace agp::os {
namespace {

using core::ExtensionState;
using WhenUndone = core::ExtensionFiles::WhenUndone;

const std::string kShipped = "a;this.detectAndUseProxy=pe.UNSPECIFIED,b" + std::string(5000, 'x');
const std::string kPatched = "a;this.detectAndUseProxy=1,b" + std::string(5000, 'x');
const std::string kNewVersion = "v2;this.detectAndUseProxy=Qe.UNSPECIFIED";
const std::string kNewPatched = "v2;this.detectAndUseProxy=1";

class ExtensionStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    ASSERT_EQ(::mkdir((root_ + "/dist").c_str(), 0755), 0);
    write(path(), kShipped);
    ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  }
  void TearDown() override {
    const std::string command = "rm -rf " + root_;
    (void)std::system(command.c_str());
  }

  [[nodiscard]] std::string path() const { return root_ + "/dist/extension.js"; }
  [[nodiscard]] std::string backup() const { return path() + kBackupSuffix; }

  static void write(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
  }
  static std::optional<std::string> read(const std::string& file) {
    std::ifstream in(file);
    if (!in) {
      return std::nullopt;
    }
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  /// As a package manager does it.
  void update_to(const std::string& text) const {
    write(path() + ".dpkg-new", text);
    ASSERT_EQ(::chmod((path() + ".dpkg-new").c_str(), 0644), 0);
    ASSERT_EQ(::rename((path() + ".dpkg-new").c_str(), path().c_str()), 0);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    DIR* directory = ::opendir((root_ + "/dist").c_str());
    while (const dirent* entry = directory != nullptr ? ::readdir(directory) : nullptr) {
      if (entry->d_name[0] != '.' || std::string(entry->d_name).size() > 2) {
        out.emplace_back(entry->d_name);
      }
    }
    if (directory != nullptr) {
      ::closedir(directory);
    }
    return out;
  }
  [[nodiscard]] ExtensionStore::Conditions conditions() const { return {::geteuid(), root_, {}}; }
  [[nodiscard]] ExtensionStore store() const { return ExtensionStore(conditions()); }
  [[nodiscard]] static struct stat stat_of(const std::string& file) {
    struct stat seen {};
    EXPECT_EQ(::lstat(file.c_str(), &seen), 0) << file;
    return seen;
  }
  /// Nothing but the file itself, as shipped, and no backup.
  void expect_untouched() const {
    EXPECT_EQ(read(path()), kShipped);
    EXPECT_EQ(names().size(), 1U);
  }

  std::string root_ = "/tmp/agp-extension-XXXXXX";
};

TEST_F(ExtensionStoreTest, AppliesOnceAndGivesTheVeryFileBack) {
  const auto before = stat_of(path());
  auto applied = store().apply(path());
  EXPECT_TRUE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::patched) << applied.report.detail;
  EXPECT_EQ(read(path()), kPatched);
  EXPECT_EQ(read(backup()), kShipped);
  EXPECT_EQ(applied.report.sha256.size(), 64U);
  EXPECT_NE(applied.report.sha256, applied.report.backup_sha256);

  auto again = store().apply(path());
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.report.state, ExtensionState::patched);

  auto reverted = store().revert(path(), WhenUndone::refuse);
  EXPECT_TRUE(reverted.changed);
  EXPECT_EQ(reverted.report.state, ExtensionState::applicable);
  expect_untouched();
  const auto after = stat_of(path());
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);

  EXPECT_FALSE(store().revert(path(), WhenUndone::refuse).changed);
}

TEST_F(ExtensionStoreTest, KeepsModeOwnerAndAttributes) {
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  const bool has_attributes =
      ::setxattr(path().c_str(), "user.origin", "package", 7, 0) == 0;  // not on every tmpfs
  ASSERT_TRUE(store().apply(path()).changed);
  const auto after = stat_of(path());
  EXPECT_EQ(after.st_mode & 07777, 0640U);
  EXPECT_EQ(after.st_uid, ::geteuid());
  if (has_attributes) {
    std::array<char, 16> value{};
    EXPECT_EQ(::getxattr(path().c_str(), "user.origin", value.data(), value.size()), 7);
  }
}

TEST_F(ExtensionStoreTest, LeavesBuildsWithoutTheInitialiserAlone) {
  write(path(), "a current build");
  auto applied = store().apply(path());
  EXPECT_FALSE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::not_applicable);
  EXPECT_NE(applied.report.detail.find("0 matches"), std::string::npos);
  write(path(), kShipped + kShipped);
  applied = store().apply(path());
  EXPECT_FALSE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::unrecognised);
  EXPECT_NE(applied.report.detail.find("2 matches"), std::string::npos);
  EXPECT_EQ(names().size(), 1U);
}

TEST_F(ExtensionStoreTest, AnUpdateIsToldAndNeverOverwrittenByAnOldVersion) {
  ASSERT_TRUE(store().apply(path()).changed);
  update_to(kNewVersion);
  EXPECT_EQ(store().look(path()).state, ExtensionState::undone);
  auto refused = store().revert(path(), WhenUndone::refuse);
  EXPECT_FALSE(refused.changed);
  EXPECT_EQ(refused.report.state, ExtensionState::undone);
  EXPECT_NE(refused.report.detail.find("update of the IDE"), std::string::npos);
  EXPECT_EQ(read(path()), kNewVersion);

  auto applied = store().apply(path());
  EXPECT_TRUE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::patched);
  EXPECT_EQ(read(path()), kNewPatched);
  EXPECT_TRUE(store().revert(path(), WhenUndone::refuse).changed);
  EXPECT_EQ(read(path()), kNewVersion);
  EXPECT_EQ(names().size(), 1U);
}

TEST_F(ExtensionStoreTest, ForgettingRemovesOnlyTheBackup) {
  ASSERT_TRUE(store().apply(path()).changed);
  update_to("a current build");
  auto applied = store().apply(path());
  EXPECT_FALSE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::undone);
  auto forgotten = store().revert(path(), WhenUndone::forget);
  EXPECT_TRUE(forgotten.changed);
  EXPECT_EQ(forgotten.report.state, ExtensionState::not_applicable);
  EXPECT_EQ(read(path()), "a current build");
  EXPECT_EQ(names().size(), 1U);
}

TEST_F(ExtensionStoreTest, TheSameVersionInstalledAgainNeedsNoForgetting) {
  ASSERT_TRUE(store().apply(path()).changed);
  update_to(kShipped);
  EXPECT_EQ(store().look(path()).state, ExtensionState::undone);
  EXPECT_TRUE(store().revert(path(), WhenUndone::refuse).changed);
  expect_untouched();
}

TEST_F(ExtensionStoreTest, ABackupWithoutAnIdeCanBeForgotten) {
  EXPECT_EQ(store().look(root_ + "/none/extension.js").state, ExtensionState::absent);
  ASSERT_TRUE(store().apply(path()).changed);
  ASSERT_EQ(::unlink(path().c_str()), 0);
  EXPECT_EQ(store().look(path()).state, ExtensionState::undone);
  EXPECT_FALSE(store().revert(path(), WhenUndone::refuse).changed);
  auto forgotten = store().revert(path(), WhenUndone::forget);
  EXPECT_TRUE(forgotten.changed);
  EXPECT_EQ(forgotten.report.state, ExtensionState::absent);
  EXPECT_TRUE(names().empty());
}

// threat-model 41
TEST_F(ExtensionStoreTest, RefusesWhatOthersCanLeadElsewhere) {
  const auto expect_refused = [&](const char* why) {
    auto applied = store().apply(path());
    EXPECT_FALSE(applied.changed) << why;
    EXPECT_EQ(applied.report.state, ExtensionState::refused) << why;
    EXPECT_NE(applied.report.detail.find(why), std::string::npos) << applied.report.detail;
    EXPECT_EQ(store().revert(path(), WhenUndone::forget).report.state, ExtensionState::refused);
  };
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  expect_refused("can be written by others");
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  ASSERT_EQ(::chmod((root_ + "/dist").c_str(), 0777), 0);
  expect_refused("can be written by others");
  ASSERT_EQ(::chmod((root_ + "/dist").c_str(), 0755), 0);

  const auto elsewhere = root_ + "/elsewhere";
  ASSERT_EQ(::link(path().c_str(), elsewhere.c_str()), 0);
  expect_refused("hard links");
  ASSERT_EQ(::unlink(elsewhere.c_str()), 0);

  ASSERT_EQ(::rename(path().c_str(), elsewhere.c_str()), 0);
  ASSERT_EQ(::symlink(elsewhere.c_str(), path().c_str()), 0);
  expect_refused("symbolic link");
  EXPECT_EQ(read(elsewhere), kShipped);
  ASSERT_EQ(::unlink(path().c_str()), 0);
  ASSERT_EQ(::mkfifo(path().c_str(), 0644), 0);
  expect_refused("not a regular file");
  ASSERT_EQ(::rename(elsewhere.c_str(), path().c_str()), 0);

  ASSERT_EQ(::rename((root_ + "/dist").c_str(), (root_ + "/real").c_str()), 0);
  ASSERT_EQ(::symlink("real", (root_ + "/dist").c_str()), 0);
  expect_refused("symbolic link");
  EXPECT_EQ(read(root_ + "/real/extension.js"), kShipped);
}

TEST_F(ExtensionStoreTest, RefusesFilesOfUsers) {
  auto as_root = conditions();
  as_root.owner = ::geteuid() + 1;  // whoever should own it, it is not us
  auto applied = ExtensionStore(as_root).apply(path());
  EXPECT_EQ(applied.report.state, ExtensionState::refused);
  EXPECT_NE(applied.report.detail.find("no files of users"), std::string::npos);
  expect_untouched();
}

// threat-model 41
TEST_F(ExtensionStoreTest, APlantedBackupIsNotFollowed) {
  const auto target = root_ + "/target";
  write(target, "precious");
  ASSERT_EQ(::symlink(target.c_str(), backup().c_str()), 0);
  for (auto* change : {+[](ExtensionStore&s, const std::string&p) { return s.apply(p); },
                       +[](ExtensionStore&s, const std::string&p) {
                         return s.revert(p, WhenUndone::forget);
                       }}) {
    auto files = store();
    EXPECT_EQ(change(files, path()).report.state, ExtensionState::refused);
  }
  EXPECT_EQ(read(target), "precious");
  EXPECT_EQ(read(path()), kShipped);
  ASSERT_EQ(::unlink(backup().c_str()), 0);
  ASSERT_EQ(::link(target.c_str(), backup().c_str()), 0);
  auto files = store();
  EXPECT_EQ(files.revert(path(), WhenUndone::forget).report.state, ExtensionState::refused);
  EXPECT_EQ(read(target), "precious");
}

TEST_F(ExtensionStoreTest, AFileThatChangesMeanwhileIsLeftAlone) {
  auto racing = conditions();
  racing.after_step = [&](const char* step) {
    if (std::string(step) == "written") {
      update_to(kNewVersion);
    }
  };
  auto applied = ExtensionStore(racing).apply(path());
  EXPECT_FALSE(applied.changed);
  EXPECT_EQ(applied.report.state, ExtensionState::refused);
  EXPECT_EQ(read(path()), kNewVersion);
  EXPECT_EQ(names().size(), 1U);
  EXPECT_TRUE(store().apply(path()).changed);
}

/// Runs `work` in a process of its own. @return its wait status.
template <class Work>
int in_child(Work work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

// threat-model 45
TEST_F(ExtensionStoreTest, AFullDiskLeavesTheOriginal) {
  const int status = in_child([this] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto applied = store().apply(path());
    ::_exit(!applied.changed && applied.report.state == ExtensionState::refused &&
                    applied.report.detail.find("not patched") != std::string::npos
                ? 7
                : 1);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  expect_untouched();
}

// threat-model 42
TEST_F(ExtensionStoreTest, KilledAfterAnyStepThereIsAWholeFileAndTheNextTryWorks) {
  for (int last = 1; last <= 5; ++last) {
    const int status = in_child([&] {
      auto dying = conditions();
      int steps = 0;
      dying.after_step = [&](const char*) {
        if (++steps == last) {
          ::kill(::getpid(), SIGKILL);
        }
      };
      (void)ExtensionStore(dying).apply(path());
    });
    const auto content = read(path());
    EXPECT_TRUE(content == kShipped || content == kPatched) << last;
    const auto state = store().look(path()).state;
    EXPECT_TRUE(state == ExtensionState::applicable || state == ExtensionState::patched) << last;
    // Both ways out work from wherever it died.
    if (last % 2 == 0) {
      (void)store().apply(path());
      EXPECT_EQ(read(path()), kPatched) << last;
    }
    (void)store().revert(path(), WhenUndone::refuse);
    EXPECT_EQ(read(path()), kShipped) << last;
    (void)store().apply(path());
    EXPECT_EQ(names().size(), 2U) << last;
    (void)store().revert(path(), WhenUndone::refuse);
    expect_untouched();
    if (WIFEXITED(status)) {
      EXPECT_GT(last, 4);  // created, written, backup made, replaced
      return;
    }
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
  }
}

TEST_F(ExtensionStoreTest, TooLargeAFileIsRefused) {
  ASSERT_EQ(::truncate(path().c_str(), 25 * 1024 * 1024), 0);
  auto applied = store().apply(path());
  EXPECT_EQ(applied.report.state, ExtensionState::refused);
  EXPECT_NE(applied.report.detail.find("24 MiB"), std::string::npos);
}

}  // namespace
}  // namespace agp::os
