#include "daemon/ls/process_scan.h"

#include "common/base/unique_fd.h"
#include "daemon/control/errors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

namespace agp::ls {
namespace {

// The kernel allows megabytes of arguments; the language server's are a few hundred octets.
constexpr std::size_t kCmdlineLimit = 64 * 1024;
constexpr std::size_t kStatLimit = 4096;

struct CloseDir {
  void operator()(DIR* dir) const { (void)::closedir(dir); }
};

/// Empty when the process is gone or the file cannot be read: both mean "not this one".
std::string read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> part{};
  while (fd.is_open() && text.size() < limit) {
    const ssize_t n = ::read(fd.get(), part.data(), std::min(part.size(), limit - text.size()));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      break;
    }
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

template <class T>
std::optional<T> to_number(std::string_view text) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// The n-th white-space separated word of a text, counted from 0.
std::string_view word(std::string_view text, std::size_t n) {
  for (;; --n) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(start);
    const auto end = text.find_first_of(" \t\n");
    if (n == 0) {
      return text.substr(0, end);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
}

/// Field 22. The name in field 2 may hold blanks and brackets: count from its last bracket.
std::uint64_t start_time(const std::string& stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  return to_number<std::uint64_t>(word(std::string_view(stat).substr(name_end + 1), 19))
      .value_or(0);
}

/// The owner of the directory would be root for a process that is not dumpable: ask the status.
std::optional<uid_t> real_uid(const std::string& status) {
  const auto line = status.find("\nUid:");
  if (line == std::string::npos) {
    return std::nullopt;
  }
  return to_number<uid_t>(word(std::string_view(status).substr(line + 5), 0));
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : std::string();
}

std::optional<Session> look_at(const std::string& directory, pid_t pid) {
  ProcessFacts facts;
  facts.pid = pid;
  facts.cmdline = read_file(directory + "/cmdline", kCmdlineLimit);
  if (facts.cmdline.find("language_server") == std::string::npos) {
    return std::nullopt;  // cheap way out for nearly all processes
  }
  facts.exe = read_link(directory + "/exe");
  facts.start_time = start_time(read_file(directory + "/stat", kStatLimit));
  const auto uid = real_uid(read_file(directory + "/status", kStatLimit));
  if (!uid) {
    return std::nullopt;
  }
  facts.uid = *uid;
  return recognise(facts);
}

std::optional<uid_t> uid_of(const std::string& name) {
  std::array<char, 16384> space{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, space.data(), space.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return found->pw_uid;
}

std::string name_of(uid_t uid) {
  std::array<char, 16384> space{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, space.data(), space.size(), &found) != 0 || found == nullptr) {
    return "uid " + std::to_string(uid);
  }
  return found->pw_name;
}

}  // namespace

ProcessScan::ProcessScan(Options options) : options_(std::move(options)) {}

Result<SessionFinder::Found> ProcessScan::find(std::optional<std::uint64_t> keep) {
  std::optional<uid_t> allowed;
  if (options_.user != "auto") {
    allowed = uid_of(options_.user);
    if (!allowed) {
      return Error{control::Errc::user_unknown, "user " + options_.user};
    }
  }
  std::vector<uid_t> excluded;
  if (const auto own = uid_of(options_.own_ls_account)) {
    excluded.push_back(*own);
  }
  const std::unique_ptr<DIR, CloseDir> dir(::opendir(options_.proc.c_str()));
  if (!dir) {
    return Error{control::Errc::scan_failed, options_.proc};
  }
  std::vector<Session> sessions;
  while (const dirent* entry = ::readdir(dir.get())) {
    const auto pid = to_number<pid_t>(entry->d_name);
    if (!pid) {
      continue;
    }
    if (auto session = look_at(options_.proc + "/" + entry->d_name, *pid)) {
      sessions.push_back(std::move(*session));
    }
  }
  const Choice choice = choose(sessions, allowed, excluded, keep);
  Found found;
  found.outcome.hint = choice.hint;
  for (const uid_t uid : choice.users) {
    found.outcome.candidates.push_back(name_of(uid));
  }
  std::sort(found.outcome.candidates.begin(), found.outcome.candidates.end());
  if (choice.index) {
    found.session = std::move(sessions[*choice.index]);
    found.outcome.session = control::IdeSession{
        found.session->fingerprint(), name_of(found.session->uid), found.session->binary_path};
  }
  return found;
}

}  // namespace agp::ls
