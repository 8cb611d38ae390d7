#include "helper/core/errc.h"
#include "helper/os/runtime_directory.h"
#include "tests/helper/os/child.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

/// The helper's directory where somebody was there before, or something ends in the middle.
namespace agp::os {
namespace {

namespace fs = std::filesystem;
using testing_child::in_child;
using testing_child::turn_away;

constexpr int kDone = 7;
constexpr int kUnavailable = 77;

class HostileDirectory : public ::testing::Test {
 protected:
  HostileDirectory() {
    std::string name = ::testing::TempDir() + "agp-hostile-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    parent_ = name;
    run_ = parent_ / "run";
    victim_ = parent_ / "victim";
    write(victim_, "mine");
  }
  ~HostileDirectory() override { fs::remove_all(parent_); }

  RuntimeDirectory directory() const { return RuntimeDirectory(run_.string(), {}); }
  fs::path bundle() const { return run_ / "ca-bundle.pem"; }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string content_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(run_)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  void expect_victim_as_it_was(const std::string& what) const {
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(victim_))) << what;
    EXPECT_EQ(fs::status(victim_).permissions() & fs::perms::mask, victim_mode_) << what;
    EXPECT_EQ(content_of(victim_), "mine") << what;
  }
  /// Whatever is asked of it. None of it may wait for anybody, either.
  void expect_all_refused(const std::string& what) const {
    auto run = directory();
    EXPECT_FALSE(run.write_bundle("bundle")) << what;
    EXPECT_FALSE(run.read_bundle()) << what;
    EXPECT_FALSE(run.remove_bundle()) << what;
    EXPECT_FALSE(run.put("secret")) << what;
    EXPECT_FALSE(run.remove_secrets()) << what;
    EXPECT_FALSE(run.lock()) << what;
    EXPECT_FALSE(run.remove()) << what;
  }
  /// Each kind of thing that can lie in the place of a file, put there by `plant`.
  void for_each_plant(const std::function<void(const std::string&, const fs::path&)>& check,
                      const fs::path& place) {
    fs::create_directory(run_);
    fs::create_symlink(victim_, place);
    check("a link", place);
    fs::remove(place);
    fs::create_symlink(parent_ / "not-there", place);
    check("a dangling link", place);
    EXPECT_FALSE(fs::exists(fs::symlink_status(parent_ / "not-there")));
    fs::remove(place);
    ASSERT_EQ(::mkfifo(place.c_str(), 0666), 0);
    check("a FIFO", place);
    fs::remove(place);
    fs::create_hard_link(victim_, place);
    check("a hard link", place);
    fs::remove(place);
  }

  fs::path parent_;
  fs::path run_;
  fs::path victim_;
  fs::perms victim_mode_ = fs::perms(0644);
};

// threat-model 40
TEST_F(HostileDirectory, OneThatOthersMayWriteIsRefused) {
  fs::create_directory(run_);
  for (const auto mode : {0777U, 01777U, 0775U, 0757U}) {
    fs::permissions(run_, fs::perms(mode));
    expect_all_refused("mode " + std::to_string(mode));
    EXPECT_TRUE(names().empty());
  }
}

// threat-model 40
TEST_F(HostileDirectory, OneThatSomebodyElseMadeIsRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make a directory that belongs to somebody else";
  }
  fs::create_directory(run_);
  ASSERT_EQ(::chown(run_.c_str(), 65534, 65534), 0);
  expect_all_refused("of another user");
  EXPECT_TRUE(names().empty());
}

// threat-model 40
TEST_F(HostileDirectory, WhatIsNoDirectoryIsRefused) {
  const auto elsewhere = parent_ / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory_symlink(elsewhere, run_);
  expect_all_refused("a link to a directory");
  EXPECT_TRUE(fs::is_empty(elsewhere));
  EXPECT_TRUE(fs::is_symlink(run_));
  fs::remove(run_);
  ASSERT_EQ(::mkfifo(run_.c_str(), 0666), 0);
  expect_all_refused("a FIFO");
  fs::remove(run_);
  fs::create_symlink(victim_, run_);
  expect_all_refused("a link to a file");
  expect_victim_as_it_was("a link to a file");
}

// threat-model 40
TEST_F(HostileDirectory, ALinkAboveItIsRefusedToo) {
  const auto real = parent_ / "real";
  fs::create_directory(real);
  fs::create_directory_symlink(real, parent_ / "link");
  run_ = parent_ / "link" / "run";
  expect_all_refused("a link above");
  EXPECT_TRUE(fs::is_empty(real));
}

// threat-model 41
TEST_F(HostileDirectory, NothingPlantedInThePlaceOfTheBundleIsFollowed) {
  for_each_plant(
      [this](const std::string& what, const fs::path& place) {
        auto run = directory();
        EXPECT_FALSE(run.read_bundle()) << what << " is not what we wrote";
        ASSERT_TRUE(run.write_bundle("bundle")) << what;
        EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(place))) << what;
        EXPECT_EQ(fs::hard_link_count(place), 1U) << what;
        EXPECT_EQ(content_of(place), "bundle") << what;
        expect_victim_as_it_was(what);
      },
      bundle());
}

// threat-model 41
TEST_F(HostileDirectory, NothingPlantedInThePlaceOfTheSecretsIsFollowed) {
  for_each_plant(
      [this](const std::string& what, const fs::path& place) {
        ASSERT_TRUE(directory().put("secret")) << what;
        EXPECT_EQ(fs::status(place).permissions() & fs::perms::mask, fs::perms(0600)) << what;
        EXPECT_EQ(content_of(place), "secret") << what;
        expect_victim_as_it_was(what);
      },
      run_ / "start.env");
}

// threat-model 41
TEST_F(HostileDirectory, NothingPlantedUnderATemporaryNameIsFollowed) {
  for_each_plant(
      [this](const std::string& what, const fs::path& place) {
        ASSERT_TRUE(directory().write_bundle("bundle")) << what;
        EXPECT_EQ(names(), std::set<std::string>{"ca-bundle.pem"}) << what;
        EXPECT_FALSE(fs::exists(fs::symlink_status(place))) << what;
        expect_victim_as_it_was(what);
      },
      run_ / ".new-1");
}

// threat-model 42
TEST_F(HostileDirectory, KilledBetweenAnyTwoStepsTheOldBundleIsWhole) {
  for (const auto& [name, calls] : std::initializer_list<std::pair<std::string, std::vector<long>>>{
           {"write", {SYS_write}},
           {"fchmod", {SYS_fchmod}},
           {"fsync", {SYS_fsync}},
#ifdef SYS_renameat
           {"rename", {SYS_renameat, SYS_renameat2}},
#else
           {"rename", {SYS_renameat2}},
#endif
       }) {
    ASSERT_TRUE(directory().write_bundle("old"));
    const int status = in_child([&] {
      auto run = directory();
      for (const long call : calls) {
        if (!turn_away({call}, SECCOMP_RET_KILL_PROCESS)) {
          return kUnavailable;
        }
      }
      (void)run.write_bundle(std::string(100'000, 'n'));
      return kDone;
    });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kUnavailable) {
      GTEST_SKIP() << "this kernel has no seccomp filters";
    }
    ASSERT_TRUE(WIFSIGNALED(status)) << name << " was not reached";
    const auto left = directory().read_bundle();
    ASSERT_TRUE(left && *left) << name;
    EXPECT_EQ(**left, "old") << name;
    // What is there besides is hidden, and gone with the next write.
    for (const auto& each : names()) {
      EXPECT_TRUE(each == "ca-bundle.pem" || each.starts_with(".new-")) << name << ": " << each;
    }
    ASSERT_TRUE(directory().write_bundle("next")) << name;
    EXPECT_EQ(content_of(bundle()), "next") << name;
    EXPECT_EQ(names(), std::set<std::string>{"ca-bundle.pem"}) << name;
  }
}

/// Everything the helper does in its directory. @return 0, or the line that failed.
int use_all_of(const RuntimeDirectory& made) {
  auto run = made;
  if (!run.write_bundle("one") || !run.write_bundle("two")) {
    return 1;
  }
  const auto content = run.read_bundle();
  if (!content || !*content || **content != "two") {
    return 2;
  }
  if (!run.lock() || !run.put("secret") || !run.remove_secrets()) {
    return 3;
  }
  return run.remove() ? 0 : 4;
}

// threat-model 43
TEST_F(HostileDirectory, Openat2IsNotNeeded) {
  EXPECT_EQ(use_all_of(directory()), 0);
  // ENOSYS is what RestrictSUIDSGID= answers. Killed for trying would mean that there are two ways.
  for (const std::uint32_t action : {SECCOMP_RET_ERRNO | ENOSYS, SECCOMP_RET_KILL_PROCESS}) {
    const int status = in_child(
        [&] { return turn_away({SYS_openat2}, action) ? use_all_of(directory()) : kUnavailable; });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kUnavailable) {
      GTEST_SKIP() << "this kernel has no seccomp filters";
    }
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

// threat-model 45
TEST_F(HostileDirectory, AFileThatMayNotGrowKeepsTheOldBundle) {
  ASSERT_TRUE(directory().write_bundle("old"));
  const int status = in_child([this] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto run = directory();
    return !run.write_bundle(std::string(100'000, 'n')) && !run.put(std::string(100'000, 's'))
               ? kDone
               : 1;
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kDone);
  EXPECT_EQ(content_of(bundle()), "old");
  EXPECT_EQ(names(), std::set<std::string>{"ca-bundle.pem"});
}

// threat-model 45
TEST_F(HostileDirectory, AFullDiskKeepsTheOldBundle) {
  // A file system of 64 KiB in a mount namespace of the child's own: it ends with the child.
  const int status = in_child([this] {
    fs::create_directory(run_);
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("full", run_.c_str(), "tmpfs", 0, "size=64k,mode=0755") != 0) {
      return kUnavailable;
    }
    auto run = directory();
    if (!run.write_bundle("old")) {
      return 1;
    }
    const auto full = run.write_bundle(std::string(200'000, 'n'));
    if (full || full.error().code != boost::system::errc::no_space_on_device) {
      return 2;
    }
    if (run.put(std::string(200'000, 's'))) {
      return 3;
    }
    if (names() != std::set<std::string>{"ca-bundle.pem"} || content_of(bundle()) != "old") {
      return 4;
    }
    return run.write_bundle("new") && content_of(bundle()) == "new" ? kDone : 5;
  });
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kUnavailable) {
    GTEST_SKIP() << "only root can mount a small file system";
  }
  EXPECT_EQ(WEXITSTATUS(status), kDone);
}

}  // namespace
}  // namespace agp::os
