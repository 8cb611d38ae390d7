// What the finder sees of the Go doubles: editors of all eras with their language servers, the
// hub, agy, wrappers, and another user's. The processes are real, the kernel's /proc is read.

#include "daemon/ls/exit_watch.h"
#include "daemon/ls/json_path.h"
#include "daemon/ls/process_scan.h"
#include "daemon/ls/supervisor.h"
#include "tests/daemon/ls/child.h"
#include "tests/daemon/ls/direct_helper.h"
#include "tests/daemon/ls/doubles.h"
#include "tests/daemon/ls/temp_dir.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

constexpr uid_t kStranger = 54321;

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto name_end = stat.rfind(") ");
  return name_end == std::string::npos ? 0 : std::atoi(stat.c_str() + name_end + 4);
}

/// Installs, homes, and a view of /proc with this test's processes alone: others may run the IDE,
/// or other tests, on the same machine.
class Finding : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto doubles = built_doubles();
    if (!doubles) {
      GTEST_SKIP() << "build the doubles (tests/fakes/build DIR) and set AGP_DOUBLES=DIR";
    }
    from = *doubles;
    fs::permissions(dir.path(), fs::perms(0755));
    home = make_home("home");
    fs::create_directories(proc());
    fs::create_directory_symlink("/proc/net", proc() / "net");
    fs::create_directory_symlink("/proc/self", proc() / "self");
  }

  fs::path make_home(const std::string& name) const {
    fs::create_directories(dir.path() / name);
    return dir.path() / name;
  }
  fs::path proc() const { return dir.path() / "proc"; }

  /// A copy of the double: an installed language server has no link to somewhere else.
  fs::path install(const fs::path& where) const {
    const auto path = dir.path() / where;
    fs::create_directories(path.parent_path());
    fs::copy_file(from / "fake-language-server", path);
    return path;
  }

  fs::path install_ide(const std::string& version) const {
    const auto root = fs::path("antigravity") / version / "resources/app";
    const auto binary = install(root / "extensions/antigravity/bin/language_server_linux_x64");
    std::ofstream(dir.path() / root / "product.json") << R"({"ideVersion":")" << version << "\"}";
    return binary;
  }

  /// Nothing that is started here calls anybody.
  Environment environment() const {
    return {{"HOME", home}, {"FAKE_LS_AUX", "off"}, {"FAKE_LS_UPSTREAM", "off"}};
  }

  std::unique_ptr<Child> start(const std::vector<std::string>& words,
                               const Child::Options& options = {}) const {
    return std::make_unique<Child>(words, environment(), options);
  }

  std::unique_ptr<Child> ide(const fs::path& binary,
                             const std::string& era,
                             const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {from / "fake-ide", "--ls-binary",      binary, "--era", era,
                                      "--restart-wait",  std::string("10ms")};
    words.insert(words.end(), more.begin(), more.end());
    return start(words);
  }

  /// The events `ready` of so many language servers, by pid.
  static std::map<pid_t, boost::json::object> ready(Child* ide, std::size_t count) {
    std::map<pid_t, boost::json::object> all;
    while (all.size() < count) {
      auto event = ide->event_with("\"ready\"");
      if (event.empty()) {
        ADD_FAILURE() << "the editor's double ended";
        break;
      }
      const auto pid = static_cast<pid_t>(count_at(event, "ls_pid"));
      all[pid] = std::move(event);
    }
    return all;
  }

  /// Shows the finder these processes and all below them, as they are now.
  void show(const std::vector<pid_t>& roots) const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos ||
          fs::is_symlink(proc() / name)) {
        continue;
      }
      for (pid_t pid = std::stoi(name); pid > 1; pid = parent_of(pid)) {
        if (std::find(roots.begin(), roots.end(), pid) != roots.end()) {
          fs::create_directory_symlink(entry.path(), proc() / name);
          break;
        }
      }
    }
  }

  ProcessScan::Options options(const std::string& user = "auto") const {
    ProcessScan::Options options;
    options.user = user;
    options.own_ls_account = "no-such-account";
    options.proc = proc();
    return options;
  }

  SessionFinder::Found look(const std::string& user = "auto") const {
    ProcessScan scan(options(user));
    auto found = scan.find({});
    EXPECT_TRUE(found) << found.error().text();
    return found ? std::move(*found) : SessionFinder::Found();
  }

  TempDir dir;
  fs::path from;
  fs::path home;
};

TEST_F(Finding, SeesAllWindowsOfTheEditorInEveryEra) {
  const std::map<std::string, std::string> versions = {
      {"e1", "1.18.3"}, {"e2", "1.21.6"}, {"e3", "2.1.1"}};
  for (const auto& [era, version] : versions) {
    SCOPED_TRACE(era);
    const auto binary = install_ide(version);
    const auto editor =
        ide(binary, era, {"--workspace", "/srv/a", "--workspace", "/srv/b-c", "--core"});
    const auto events = ready(editor.get(), 3);
    show({editor->pid()});
    const auto found = look();
    ASSERT_EQ(found.all.sessions.size(), 3U);
    std::vector<std::string> kinds;
    for (const auto& info : found.all.sessions) {
      ASSERT_TRUE(events.contains(info.pid));
      kinds.push_back(to_string(info.kind) + (" " + info.workspace_id));
      EXPECT_EQ(to_string(info.era), era);
      EXPECT_EQ(info.version, version);
      EXPECT_EQ(info.uid, ::geteuid());
      EXPECT_TRUE(info.is_usable) << info.reason;
      EXPECT_EQ(info.is_in_use, info.reason.empty()) << info.reason;
    }
    std::sort(kinds.begin(), kinds.end());
    EXPECT_EQ(kinds, (std::vector<std::string>{"core ", "ide file_srv_a", "ide file_srv_b_c"}));
    ASSERT_TRUE(found.session);
    EXPECT_EQ(found.session->kind, Kind::ide);
    EXPECT_EQ(found.session->binary_path, binary);
    const auto& event = events.at(found.session->pid);
    EXPECT_EQ(found.session->extension_server_port, count_at(event, "extension_server_port"));
    EXPECT_EQ(found.session->csrf_token.expose(), text_at(event, "csrf_token"));
    EXPECT_EQ(found.session->extension_csrf_token.expose(),
              text_at(event, "extension_server_csrf_token"));
  }
}

TEST_F(Finding, SeesTheHubAndNoneOfItsMulticallChildren) {
  const auto binary = install("antigravity/resources/bin/language_server");
  const auto hub = ide(binary, "e3", {"--hub", "--ls-env", "FAKE_LS_MULTICALL=2"});
  const auto events = ready(hub.get(), 1);
  show({hub->pid()});
  EXPECT_GE(std::distance(fs::directory_iterator(proc()), fs::directory_iterator()), 2 + 1 + 1 + 2)
      << "net, self, the hub, its language server and two children";
  const auto found = look();
  ASSERT_EQ(found.all.sessions.size(), 1U);
  const auto& info = found.all.sessions[0];
  EXPECT_TRUE(events.contains(info.pid));
  EXPECT_EQ(info.kind, Kind::hub);
  EXPECT_EQ(info.era, Era::e3);
  EXPECT_EQ(info.version, "2.1.1");
  EXPECT_FALSE(info.is_usable);
  EXPECT_FALSE(found.session);
  EXPECT_NE(found.outcome.hint.find("without the editor"), std::string::npos);
}

TEST_F(Finding, SeesAgyBesideTheEditorWhichIsPreferred) {
  const auto agy_path = install(".local/bin/agy");
  const auto editor = ide(install_ide("2.1.1"), "e3", {"--workspace", "/srv/a"});
  (void)ready(editor.get(), 1);
  const auto agy = start({agy_path});
  while (!fs::exists("/proc/" + std::to_string(agy->pid()) + "/exe") ||
         fs::read_symlink("/proc/" + std::to_string(agy->pid()) + "/exe") != agy_path) {
    ::sched_yield();  // it is between fork and exec
  }
  show({editor->pid(), agy->pid()});
  const auto found = look();
  ASSERT_EQ(found.all.sessions.size(), 2U);
  const auto* info = &found.all.sessions[0];
  if (info->pid != agy->pid()) {
    ++info;
  }
  EXPECT_EQ(info->pid, agy->pid());
  EXPECT_EQ(info->kind, Kind::agy);
  EXPECT_FALSE(info->is_usable);
  EXPECT_EQ(found.session->kind, Kind::ide);
}

TEST_F(Finding, SeesTheProcessBehindAWrapper) {
  const auto binary = install_ide("1.18.3");
  fs::copy_file(from / "fake-language-server", binary.string() + ".real");
  const auto editor = ide(binary, "e1");
  const auto events = ready(editor.get(), 1);
  show({editor->pid()});
  const auto found = look();
  ASSERT_EQ(found.all.sessions.size(), 1U);
  ASSERT_TRUE(found.session);
  EXPECT_EQ(found.session->binary_path, binary.string() + ".real");
  EXPECT_EQ(found.session->wrappers, std::vector<pid_t>{events.begin()->first});
  EXPECT_EQ(parent_of(found.session->pid), events.begin()->first);
}

TEST_F(Finding, SeesTheProcessBehindAScript) {
  const auto binary = install_ide("1.18.3");
  fs::create_directories(binary.parent_path() / "x");
  fs::rename(binary, binary.parent_path() / "x/language_server_linux_x64.real");
  std::ofstream(binary) << "#!/bin/sh\nexec 3<&0\n"
                           "\"${0%/*}/x/language_server_linux_x64.real\" \"$@\" <&3 &\n"
                           "wait $!\n";
  fs::permissions(binary, fs::perms(0755));
  const auto editor = ide(binary, "e1");
  const auto events = ready(editor.get(), 1);
  show({editor->pid()});
  const auto found = look();
  ASSERT_EQ(found.all.sessions.size(), 1U);
  ASSERT_TRUE(found.session);
  EXPECT_EQ(found.session->wrappers, std::vector<pid_t>{events.begin()->first});
  ::kill(found.session->pid, SIGTERM);  // a shell takes no child along
}

TEST_F(Finding, IsToldOfARestartAndSeesTheNewTokens) {
  const auto editor = ide(install_ide("1.21.6"), "e2");
  (void)ready(editor.get(), 1);
  show({editor->pid()});
  const auto before = look();
  ASSERT_TRUE(before.session);
  asio::io_context io;
  int exits = 0;
  ExitWatch watch(io.get_executor(), [&exits] { ++exits; });
  ASSERT_TRUE(watch.watch(before.session->pid, before.session->start_time));
  ::kill(before.session->pid, SIGKILL);
  io.run();
  EXPECT_EQ(exits, 1);
  EXPECT_FALSE(look().session) << "it has ended, and the editor's next one is not shown yet";
  (void)ready(editor.get(), 1);
  show({editor->pid()});
  const auto after = look();
  ASSERT_TRUE(after.session);
  EXPECT_NE(after.session->fingerprint(), before.session->fingerprint());
  EXPECT_NE(after.all.in_use()->id, before.all.in_use()->id);
}

TEST_F(Finding, SeesThatAPersistentOneLostItsEditor) {
  auto editor = ide(install_ide("1.21.6"), "e2",
                    {"--persistent", "--ls-args", "--gemini_dir=" + (home / ".gemini").string()});
  const auto events = ready(editor.get(), 1);
  const pid_t pid = events.begin()->first;
  show({pid});
  const auto found = look();
  ASSERT_TRUE(found.session) << found.outcome.hint;
  EXPECT_TRUE(found.session->is_persistent);
  EXPECT_EQ(found.session->https_port, count_at(events.begin()->second, "https_port"))
      << "of the discovery file";
  editor->stop();
  const auto left = look();
  EXPECT_FALSE(left.session);
  EXPECT_NE(left.outcome.hint.find("outlived the IDE"), std::string::npos) << left.outcome.hint;
  ::kill(pid, SIGTERM);
}

TEST_F(Finding, TakesOnlySessionsOfTheUserItActsFor) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "starting an editor as another user needs root";
  }
  const auto binary = install_ide("1.18.3");
  const auto strange_home = make_home("strange");
  ASSERT_EQ(::chown(strange_home.c_str(), kStranger, kStranger), 0);
  Child::Options as_stranger;
  as_stranger.user = kStranger;
  Child strange({from / "fake-ide", "--ls-binary", binary, "--workspace", "/srv/hidden"},
                {{"HOME", strange_home}}, as_stranger);
  (void)ready(&strange, 1);
  show({strange.pid()});
  EXPECT_EQ(look().session->uid, kStranger) << "the only one that has a session";

  const auto own = ide(binary, "e1");
  (void)ready(own.get(), 1);
  show({own->pid()});
  const auto open = look();
  EXPECT_FALSE(open.session);
  EXPECT_EQ(open.outcome.candidates, (std::vector<std::string>{"root", "uid 54321"}));
  EXPECT_EQ(open.all.of(kStranger).sessions.size(), 1U);

  const auto named = look("root");
  ASSERT_TRUE(named.session);
  EXPECT_EQ(named.session->uid, 0U);
  EXPECT_TRUE(named.all.of(kStranger).sessions.empty());
}

/// What the finder says in a child of its own, which looks at the machine's /proc as a stranger
/// after it was mounted anew with these options. Nothing when that is not allowed here.
std::optional<std::string> obstacle_with(const char* mount_options) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("proc", "/proc", "proc", 0, mount_options) != 0 || ::setgid(kStranger) != 0 ||
        ::setuid(kStranger) != 0) {
      ::_exit(1);
    }
    ProcessScan::Options options;
    options.user = "root";
    ProcessScan scan(options);
    const auto found = scan.find({});
    std::string text = !found                    ? found.error().text()
                       : found->outcome.obstacle ? found->outcome.obstacle->message + "; " +
                                                       found->outcome.obstacle->remedy
                                                 : "sees all";
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char c = 0;
  while (::read(ends[0], &c, 1) == 1) {
    text += c;
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? std::optional(text) : std::nullopt;
}

TEST(FindingBlind, SaysHowToSeeWhatTheKernelHides) {
  const auto open = obstacle_with("hidepid=0");
  if (!open) {
    GTEST_SKIP() << "mounting /proc in a namespace of one's own needs root";
  }
  EXPECT_EQ(*open, "sees all");
  for (const char* options : {"hidepid=1", "hidepid=2"}) {
    const auto said = obstacle_with(options);
    ASSERT_TRUE(said);
    EXPECT_NE(said->find("hidepid="), std::string::npos) << *said;
    EXPECT_NE(said->find("SupplementaryGroups="), std::string::npos) << *said;
  }
  EXPECT_EQ(obstacle_with("hidepid=2,gid=54321"), "sees all") << "the group is exempt";
  const auto strict = obstacle_with("hidepid=4");
  ASSERT_TRUE(strict);
  EXPECT_NE(strict->find("no group is exempt"), std::string::npos) << *strict;
}

/// The whole way: the life cycle follows an editor that starts, restarts its server and ends.
TEST_F(Finding, OurLanguageServerFollowsTheEditor) {
  ::testing::internal::CaptureStderr();
  const auto binary = install_ide("1.18.3");
  std::unique_ptr<Child> editor;
  asio::io_context io;
  DirectHelper helper;
  helper.binary = binary;
  helper.environment = environment();
  /// Shows what runs before each look.
  class Shown final : public SessionFinder {
   public:
    Shown(ProcessScan::Options options, std::function<void()> before)
        : scan_(std::move(options)), before_(std::move(before)) {}
    Result<Found> find(std::optional<std::uint64_t> keep) override {
      before_();
      return scan_.find(keep);
    }

   private:
    ProcessScan scan_;
    std::function<void()> before_;
  };
  std::atomic<pid_t> root = 0;
  Shown finder(options(), [&] { show({root}); });
  Supervisor::Options settings;
  settings.first_port = 24600;
  settings.last_port = 24699;
  Supervisor supervisor(io.get_executor(), &helper, &finder, settings);
  bool has_ended = false;
  asio::co_spawn(io, supervisor.run(), [&](std::exception_ptr) { has_ended = true; });
  const auto until = [&](const std::function<bool()>& is_so) {
    while (!is_so() && !has_ended) {
      io.run_one();
    }
  };
  const auto waits = [&] {
    return supervisor.phase() == control::Phase::waiting_for_ide;
  };
  until(waits);
  EXPECT_TRUE(supervisor.sessions().sessions.empty());
  EXPECT_NE(supervisor.unavailable_reason().find("start the Antigravity IDE"), std::string::npos);

  editor = ide(binary, "e1", {"--workspace", "/srv/a", "--csrf-token", "marked-token"});
  const auto first = ready(editor.get(), 1);
  root = editor->pid();
  until([&] { return supervisor.endpoint() != nullptr; });
  ASSERT_NE(supervisor.sessions().in_use(), nullptr);
  const SessionInfo used = *supervisor.sessions().in_use();
  EXPECT_EQ(used.pid, first.begin()->first);

  ::kill(used.pid, SIGKILL);
  (void)ready(editor.get(), 1);
  until([&] {
    const auto* now = supervisor.sessions().in_use();
    return supervisor.endpoint() != nullptr && now != nullptr && now->id != used.id;
  });

  editor->stop();
  until(waits);
  EXPECT_EQ(supervisor.endpoint(), nullptr);
  EXPECT_TRUE(supervisor.sessions().sessions.empty());
  supervisor.request_stop();
  until([] { return false; });
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("language server started"), std::string::npos) << log;
  EXPECT_EQ(log.find("marked-token"), std::string::npos) << log;
}

}  // namespace
}  // namespace agp::ls
