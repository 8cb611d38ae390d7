#pragma once

#include <array>
#include <fstream>
#include <string>

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::helper {

/// A message bus of the test's own; connections that are opened from now on find it through the
/// environment.
class PrivateBus {
 public:
  /// @param more elements of its configuration, behind the policy that allows everything.
  explicit PrivateBus(const std::string& more = {}) {
    ::mkdtemp(directory_.data());
    ::chmod(directory_.c_str(), 0755);  // other users are callers too
    const std::string config = directory_ + "/bus.conf";
    std::ofstream(config) << "<busconfig><type>system</type><listen>unix:path=" << directory_
                          << "/socket</listen><auth>EXTERNAL</auth><policy context='default'>"
                             "<allow user='*'/><allow own='*'/><allow send_destination='*'/>"
                             "<allow receive_sender='*'/></policy>"
                          << more << "</busconfig>";
    std::array<int, 2> ready{};
    (void)::pipe(ready.data());
    const std::string argument = "--config-file=" + config;
    const std::string print = "--print-address=" + std::to_string(ready[1]);
    std::array<char*, 5> argv{const_cast<char*>("dbus-daemon"), const_cast<char*>(argument.c_str()),
                              const_cast<char*>("--nofork"), const_cast<char*>(print.c_str()),
                              nullptr};
    (void)::posix_spawnp(&pid_, "dbus-daemon", nullptr, nullptr, argv.data(), environ);
    ::close(ready[1]);
    char byte = 0;
    is_running_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + directory_ + "/socket").c_str(), 1);
  }
  ~PrivateBus() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::unlink((directory_ + "/socket").c_str());
    ::unlink((directory_ + "/bus.conf").c_str());
    ::rmdir(directory_.c_str());
  }
  [[nodiscard]] bool is_running() const { return is_running_; }

  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

 private:
  std::string directory_ = "/tmp/agp-bus-test-XXXXXX";
  pid_t pid_ = -1;
  bool is_running_ = false;
};

}  // namespace agp::helper
