#include "tests/daemon/ls/child.h"

#include <cstdlib>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {

Child::Child(const Words& words, const Environment& environment, const Options& options) {
  std::vector<char*> argv;
  for (const auto& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    std::abort();
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(options.output >= 0 ? options.output : ends[1], STDOUT_FILENO);
    if (options.input >= 0) {
      ::dup2(options.input, STDIN_FILENO);
    }
    if (options.log == Log::in_output) {
      ::dup2(STDOUT_FILENO, STDERR_FILENO);
    } else if (options.log == Log::dropped) {
      ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    }
    for (const auto& [name, value] : environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    if (options.user && (::setgroups(0, nullptr) != 0 || ::setgid(*options.user) != 0 ||
                         ::setuid(*options.user) != 0)) {
      ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user would take that back
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  out_.reset(ends[0]);
}

bool Child::receive() {
  char part[4096];
  const ssize_t got = ::read(out_.get(), part, sizeof part);
  if (got > 0) {
    received_.append(part, static_cast<std::size_t>(got));
  }
  return got > 0;
}

std::string Child::line_with(const std::string& text) {
  do {
    for (auto end = received_.find('\n'); end != std::string::npos; end = received_.find('\n')) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      if (line.find(text) != std::string::npos) {
        return line;
      }
    }
  } while (receive());
  return {};
}

boost::json::object Child::event_with(const std::string& text) {
  boost::system::error_code ec;
  const auto value = boost::json::parse(line_with(text), ec);
  return !ec && value.is_object() ? value.get_object() : boost::json::object();
}

std::string Child::rest() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

void Child::signal(int number) const {
  if (!status_) {
    ::kill(pid_, number);
  }
}

void Child::stop() {
  signal(SIGTERM);
  (void)wait();
}

int Child::wait() {
  if (!status_) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    status_ = status;
  }
  return *status_;
}

bool Child::has_ended() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = status;
  }
  return status_.has_value();
}

}  // namespace agp::ls
