#include "cli/doctor/bounded_child.h"

#include "common/base/unique_fd.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::cli::doctor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNotThatAccount = 2;

bool become(const ChildAccount& account) {
  return ::setgroups(1, &account.group) == 0 &&
         ::setresgid(account.group, account.group, account.group) == 0 &&
         ::setresuid(account.user, account.user, account.user) == 0;
}

[[noreturn]] void be_child(const std::function<std::string()>& work,
                           const std::optional<ChildAccount>& account,
                           int into) {
  if (account && !become(*account)) {
    ::_exit(kNotThatAccount);
  }
  const auto text = work();
  std::size_t done = 0;
  while (done < text.size()) {
    const auto count = ::write(into, text.data() + done, text.size() - done);
    if (count <= 0) {
      ::_exit(1);
    }
    done += static_cast<std::size_t>(count);
  }
  // No destructors: what the parent has open is the parent's.
  ::_exit(0);
}

// False: the limit came first.
bool read_to_end(int from, Clock::time_point until, std::string& text) {
  std::array<char, 4096> part{};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waited{from, POLLIN, 0};
    if (left <= 0 || ::poll(&waited, 1, static_cast<int>(left)) == 0) {
      return false;
    }
    const auto count = ::read(from, part.data(), part.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return true;
    }
    text.append(part.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Answer<std::string> run_bounded(const std::function<std::string()>& work,
                                std::chrono::milliseconds limit,
                                std::optional<ChildAccount> account) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Failure{Exit::failed, "no_process", std::string("no pipe: ") + std::strerror(errno), ""};
  }
  const UniqueFd out(ends[0]);
  UniqueFd into(ends[1]);
  const auto child = ::fork();
  if (child < 0) {
    return Failure{Exit::failed, "no_process", std::string("no process: ") + std::strerror(errno),
                   ""};
  }
  if (child == 0) {
    be_child(work, account, into.get());
  }
  into.reset();
  std::string text;
  const bool is_whole = read_to_end(out.get(), Clock::now() + limit, text);
  if (!is_whole) {
    (void)::kill(child, SIGKILL);  // it may have ended meanwhile
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!is_whole) {
    return Failure{Exit::unavailable, "too_slow",
                   "no answer within " + std::to_string(limit.count() / 1000) + " seconds", ""};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Failure{Exit::failed, "no_process",
                   WIFEXITED(status) && WEXITSTATUS(status) == kNotThatAccount
                       ? "this process cannot become the language server's account"
                       : "the process that tried it ended early",
                   ""};
  }
  return text;
}

}  // namespace agp::cli::doctor
