#include "helper/os/command.h"

#include "common/base/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::os {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxDiagnosticsBytes = 4096;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("pipe");
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

struct Child {
  pid_t pid = -1;
  UniqueFd input;
  UniqueFd output;
  UniqueFd diagnostics;
};

Result<Child> spawn(const std::string& program, const std::vector<std::string>& arguments) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  if (!in || !out || !err) {
    return errno_error("pipes for " + program);
  }
  std::vector<std::string> owned{program};
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& argument : owned) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  std::array<char*, 3> environment{path.data(), locale.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in->read.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, out->write.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err->write.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  Child child;
  const int failed = posix_spawn(&child.pid, program.c_str(), &actions, &attributes, argv.data(),
                                 environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return errno_error(failed, "starting " + program);
  }
  child.input = std::move(in->write);
  child.output = std::move(out->read);
  child.diagnostics = std::move(err->read);
  for (const int fd : {child.input.get(), child.output.get(), child.diagnostics.get()}) {
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return child;
}

/// Appends what there is. @return false at the end of the stream.
bool read_some(int fd, std::string& into) {
  std::array<char, 16384> block{};
  const ssize_t n = ::read(fd, block.data(), block.size());
  if (n > 0) {
    into.append(block.data(), static_cast<std::size_t>(n));
  }
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/// @return false when nothing more can be written.
bool write_some(int fd, std::string_view& input) {
  const ssize_t n = ::write(fd, input.data(), input.size());
  if (n > 0) {
    input.remove_prefix(static_cast<std::size_t>(n));
  }
  return !input.empty() && (n > 0 || errno == EAGAIN || errno == EINTR);
}

/// Moves bytes until both outputs have ended. @return why it was cut short, or 0.
int exchange(Child& child,
             std::string_view input,
             const CommandLimits& limits,
             CommandResult& result) {
  const auto end = Clock::now() + limits.time;
  if (input.empty()) {
    child.input.reset();
  }
  while (child.output.is_open() || child.diagnostics.is_open()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) {
      return ETIMEDOUT;
    }
    // poll ignores negative descriptors.
    std::array<pollfd, 3> fds{pollfd{child.input.get(), POLLOUT, 0},
                              pollfd{child.output.get(), POLLIN, 0},
                              pollfd{child.diagnostics.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      return errno;
    }
    if (fds[0].revents != 0 && !write_some(child.input.get(), input)) {
      child.input.reset();
    }
    if (fds[1].revents != 0 && !read_some(child.output.get(), result.output)) {
      child.output.reset();
    }
    if (fds[2].revents != 0 && !read_some(child.diagnostics.get(), result.diagnostics)) {
      child.diagnostics.reset();
    }
    result.diagnostics.resize(std::min(result.diagnostics.size(), kMaxDiagnosticsBytes));
    if (result.output.size() > limits.output_bytes) {
      return EMSGSIZE;
    }
  }
  return 0;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<CommandResult> run_command(const std::string& program,
                                  const std::vector<std::string>& arguments,
                                  std::string_view input,
                                  const CommandLimits& limits) {
  auto child = spawn(program, arguments);
  if (!child) {
    return child.error();
  }
  CommandResult result;
  const int cut_short = exchange(*child, input, limits, result);
  if (cut_short != 0) {
    (void)::kill(child->pid, SIGKILL);
  }
  const int status = wait_for(child->pid);
  if (cut_short != 0) {
    return errno_error(cut_short, "running " + program);
  }
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

}  // namespace agp::os
