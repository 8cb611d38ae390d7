#include "daemon/ls/process_scan.h"

#include "common/base/account.h"
#include "common/base/unique_fd.h"
#include "daemon/control/errors.h"
#include "daemon/ls/discovery_file.h"
#include "daemon/ls/listeners.h"
#include "daemon/ls/metadata.h"
#include "daemon/ls/proc_sight.h"
#include "daemon/ls/session_choice.h"
#include "daemon/ls/words.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::ls {
namespace {

// The kernel allows megabytes of arguments; the language server's are a few hundred octets.
constexpr std::size_t kCmdlineLimit = 64 * 1024;
constexpr std::size_t kStatLimit = 4096;
constexpr std::size_t kMountsLimit = 1024 * 1024;
constexpr std::size_t kSocketsLimit = 4 * 1024 * 1024;
constexpr std::size_t kDiscoveryLimit = 64 * 1024;
constexpr std::size_t kProductLimit = 1024 * 1024;
constexpr std::size_t kSessionsLimit = 256;  // any user can start programs of this name
constexpr std::size_t kAncestors = 4;        // a shell, a tracer, and some to spare

struct CloseDir {
  void operator()(DIR* dir) const { (void)::closedir(dir); }
};

/// @param error  why nothing could be read, 0 when it could.
std::string read_all(const UniqueFd& fd, std::size_t limit, int* error) {
  std::string text;
  std::array<char, 4096> part{};
  while (text.size() < limit) {
    const ssize_t n = ::read(fd.get(), part.data(), std::min(part.size(), limit - text.size()));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      *error = errno;
    }
    if (n <= 0) {
      break;
    }
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::string read_file(const std::string& path, std::size_t limit, int* error) {
  *error = 0;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    *error = errno;
    return {};
  }
  return read_all(fd, limit, error);
}

/// Empty when the process is gone or the file cannot be read: both mean "not this one".
std::string read_file(const std::string& path, std::size_t limit) {
  int ignored = 0;
  return read_file(path, limit, &ignored);
}

/// A regular file that belongs to this user and that nobody else may write; else empty. A link in
/// its place could name a file of somebody else that we may read and the user may not.
std::string read_file_of(uid_t uid, const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (!fd.is_open() || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
      facts.st_uid != uid || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {};
  }
  int ignored = 0;
  return read_all(fd, limit, &ignored);
}

/// Field n of a stat file, from 3 on. The name in field 2 may hold blanks and brackets: count from
/// its last bracket.
std::string_view stat_field(std::string_view stat, std::size_t n) {
  const auto name_end = stat.rfind(')');
  return name_end == std::string_view::npos ? std::string_view()
                                            : word(stat.substr(name_end + 1), n - 3);
}

/// The owner of the directory would be root for a process that is not dumpable: ask the status.
std::optional<uid_t> real_uid(const std::string& status) {
  const auto line = status.find("\nUid:");
  if (line == std::string::npos) {
    return std::nullopt;
  }
  return to_number<uid_t>(word(std::string_view(status).substr(line + 5), 0));
}

/// PF_KTHREAD in field 9. Source: include/linux/sched.h.
bool is_kernel_thread(const std::string& directory) {
  constexpr std::uint64_t kThreadOfKernel = 0x00200000;
  const std::string stat = read_file(directory + "/stat", kStatLimit);
  return (to_number<std::uint64_t>(stat_field(stat, 9)).value_or(0) & kThreadOfKernel) != 0;
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : std::string();
}

/// The processes above the one with this stat, nearest first.
std::vector<pid_t> ancestors_of(const std::string& proc, std::string stat) {
  std::vector<pid_t> ancestors;
  while (ancestors.size() < kAncestors) {
    const pid_t parent = to_number<pid_t>(stat_field(stat, 4)).value_or(0);
    if (parent <= 1) {
      break;
    }
    ancestors.push_back(parent);
    stat = read_file(proc + "/" + std::to_string(parent) + "/stat", kStatLimit);
  }
  return ancestors;
}

std::string user_name(uid_t uid) {
  const auto account = find_account(uid);
  return account ? account->name : "uid " + std::to_string(uid);
}

}  // namespace

std::optional<std::uint64_t> start_time_of(const std::string& proc, pid_t pid) {
  const std::string stat = read_file(proc + "/" + std::to_string(pid) + "/stat", kStatLimit);
  return to_number<std::uint64_t>(stat_field(stat, 22));
}

std::chrono::system_clock::time_point boot_time() {
  timespec since{};
  (void)::clock_gettime(CLOCK_BOOTTIME,
                        &since);  // cannot fail: the clock exists since Linux 2.6.39
  return std::chrono::system_clock::now() - std::chrono::seconds(since.tv_sec) -
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             std::chrono::nanoseconds(since.tv_nsec));
}

ProcessScan::ProcessScan(Options options) : options_(std::move(options)) {}

Result<SessionFinder::Found> ProcessScan::find(std::optional<std::uint64_t> keep) {
  std::optional<uid_t> allowed;
  if (options_.user != "auto") {
    allowed = find_uid(options_.user);
    if (!allowed) {
      return Error{control::Errc::user_unknown, "user " + options_.user};
    }
  }
  std::vector<uid_t> excluded;
  if (const auto own = find_uid(options_.own_ls_account)) {
    excluded.push_back(*own);
  }
  auto looked = look(allowed, excluded);
  if (!looked) {
    return looked.error();
  }
  std::vector<Session> sessions = without_wrappers(std::move(*looked));
  if (const auto uid = allowed ? allowed : only_user(sessions)) {
    complete_persistent(&sessions, *uid);
  }
  check_extension_servers(&sessions);
  for (Session& session : sessions) {
    complete_version(&session);
  }
  const Choice choice = choose(sessions, allowed, excluded, keep);
  Found found;
  found.outcome.hint = choice.hint;
  found.all = describe(sessions, choice, {user_name, [this](const Session& session) {
                                            return time_of(session);
                                          }});
  forget_but(sessions);
  for (const uid_t uid : choice.users) {
    found.outcome.candidates.push_back(user_name(uid));
  }
  std::sort(found.outcome.candidates.begin(), found.outcome.candidates.end());
  if (choice.index) {
    found.session = std::move(sessions[*choice.index]);
    found.outcome.session = control::IdeSession{
        found.session->fingerprint(), user_name(found.session->uid), found.session->binary_path};
  } else if (choice.users.empty()) {
    found.outcome.obstacle = obstacle_now(allowed);
  }
  return found;
}

Result<std::vector<Session>> ProcessScan::look(std::optional<uid_t> allowed,
                                               const std::vector<uid_t>& excluded) {
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(options_.proc.c_str()));
  if (!dir) {
    return Error{control::Errc::scan_failed, options_.proc};
  }
  std::vector<Session> sessions;
  read_ = 0;
  is_denied_ = false;
  memory_.begin_look();
  while (const dirent* entry = ::readdir(dir.get())) {
    const auto pid = to_number<pid_t>(entry->d_name);
    if (!pid || !memory_.needs_look(*pid, entry->d_ino)) {
      continue;
    }
    auto session = look_at(*pid);
    if (session && sessions.size() < kSessionsLimit && (!allowed || session->uid == *allowed) &&
        std::find(excluded.begin(), excluded.end(), session->uid) == excluded.end()) {
      sessions.push_back(std::move(*session));
    }
  }
  memory_.end_look();
  return sessions;
}

std::optional<Session> ProcessScan::look_at(pid_t pid) {
  const std::string directory = options_.proc + "/" + std::to_string(pid);
  ++read_;
  int error = 0;
  ProcessFacts facts;
  facts.pid = pid;
  facts.cmdline = read_file(directory + "/cmdline", kCmdlineLimit, &error);
  is_denied_ = is_denied_ || error == EACCES || error == EPERM;
  if (!may_be_session(facts.cmdline)) {  // cheap way out for nearly all processes
    // Empty is a process that starts or ends just now; of kernel threads it says nothing more.
    const bool is_settled = !facts.cmdline.empty() || is_kernel_thread(directory);
    memory_.judged(
        pid, is_settled ? ProcessMemory::Verdict::unrelated : ProcessMemory::Verdict::unsettled);
    return std::nullopt;
  }
  memory_.judged(pid, ProcessMemory::Verdict::related);
  facts.exe = read_link(directory + "/exe");
  const std::string stat = read_file(directory + "/stat", kStatLimit);
  facts.start_time = to_number<std::uint64_t>(stat_field(stat, 22)).value_or(0);
  facts.ancestors = ancestors_of(options_.proc, stat);
  const auto uid = real_uid(read_file(directory + "/status", kStatLimit));
  if (!uid) {
    return std::nullopt;
  }
  facts.uid = *uid;
  return recognise(facts);
}

/// A persistent language server tells ports, token and version in a file.
void ProcessScan::complete_persistent(std::vector<Session>* sessions, uid_t uid) {
  std::optional<std::string> home;
  for (Session& session : *sessions) {
    if (!session.is_persistent || session.uid != uid) {
      continue;
    }
    if (!home) {
      const auto account = find_account(uid);
      home = account ? account->home : std::string();
    }
    const std::string path = discovery_path(session, *home);
    if (auto file = parse_discovery(
            path.empty() ? path : read_file_of(session.uid, path, kDiscoveryLimit))) {
      (void)complete(&session, std::move(*file));  // an old file is as good as none
    }
  }
}

/// Whether the extension servers of their command lines can be reached from here. A persistent
/// language server may lose its own at any time; any other goes down with it, and is asked about
/// until that was seen once: the kernel's table is long on a busy machine.
void ProcessScan::check_extension_servers(std::vector<Session>* sessions) {
  std::optional<std::array<std::string, 2>> tables;
  for (Session& session : *sessions) {
    bool& is_served = known_[{session.pid, session.start_time}].is_served;
    if (session.extension_server_port == 0 || (is_served && !session.is_persistent)) {
      continue;
    }
    if (!tables) {
      tables = {read_file(options_.proc + "/" + options_.net + "/tcp", kSocketsLimit),
                read_file(options_.proc + "/" + options_.net + "/tcp6", kSocketsLimit)};
    }
    const auto& [four, six] = *tables;
    is_served = listens(four, session.extension_server_port, session.uid) ||
                listens(six, session.extension_server_port, session.uid);
    const bool is_whole =
        !four.empty() && four.size() < kSocketsLimit && six.size() < kSocketsLimit;
    session.has_lost_extension_server = is_whole && !is_served;
  }
}

/// Reads the install once for each process. Its path is a user's word: only what that user or the
/// administrator wrote is believed.
void ProcessScan::complete_version(Session* session) {
  const std::string path = product_path(session->binary_path);
  if (!session->version.empty() || path.empty()) {
    return;
  }
  auto& known = known_[{session->pid, session->start_time}].version;
  if (!known) {
    std::string product = read_file_of(session->uid, path, kProductLimit);
    if (product.empty()) {
      product = read_file_of(0, path, kProductLimit);
    }
    known = ide_version_of(product);
  }
  session->version = *known;
}

/// Asked once for each process: the difference of two clocks is not the same at every look.
std::chrono::system_clock::time_point ProcessScan::time_of(const Session& session) {
  auto& known = known_[{session.pid, session.start_time}].since;
  if (!known) {
    static const long kTicksPerSecond = std::max(1L, ::sysconf(_SC_CLK_TCK));
    const auto running_since =
        std::chrono::seconds(session.start_time / static_cast<std::uint64_t>(kTicksPerSecond));
    known = std::chrono::floor<std::chrono::seconds>(options_.boot_time() + running_since);
  }
  return *known;
}

void ProcessScan::forget_but(const std::vector<Session>& sessions) {
  std::erase_if(known_, [&sessions](const auto& entry) {
    return std::none_of(sessions.begin(), sessions.end(), [&entry](const Session& session) {
      return entry.first == std::pair(session.pid, session.start_time);
    });
  });
}

std::optional<control::Obstacle> ProcessScan::obstacle_now(std::optional<uid_t> allowed) {
  return obstacle(proc_mount(read_file(options_.proc + "/self/mountinfo", kMountsLimit)),
                  looker(read_file(options_.proc + "/self/status", kStatLimit)), allowed,
                  is_denied_);
}

}  // namespace agp::ls
