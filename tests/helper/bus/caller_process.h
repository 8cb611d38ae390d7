#pragma once

#include <array>
#include <functional>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace agp::helper {

/// A caller in a process of its own, that waits for its answers while the test serves them.
class CallerProcess {
 public:
  /// @param uid   who it is.
  /// @param calls what it does on the bus; what it returns is what it found.
  CallerProcess(uid_t uid, const std::function<std::string(sd_bus*)>& calls) {
    std::array<int, 2> ends{};
    (void)::pipe2(ends.data(), O_CLOEXEC);
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string found = run(uid, calls);
      std::size_t written = 0;
      while (written < found.size()) {
        const auto n = ::write(ends[1], found.data() + written, found.size() - written);
        written += n > 0 ? static_cast<std::size_t>(n) : found.size();
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    reading_ = ends[0];
    (void)::fcntl(reading_, F_SETFL, O_NONBLOCK);
  }
  CallerProcess(const CallerProcess&) = delete;
  CallerProcess& operator=(const CallerProcess&) = delete;
  ~CallerProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(reading_);
  }

  /// Takes what it said so far. @return whether it goes on.
  bool is_running() {
    std::array<char, 4096> block{};
    ssize_t n = 0;
    while ((n = ::read(reading_, block.data(), block.size())) > 0) {
      found_.append(block.data(), static_cast<std::size_t>(n));
    }
    return n < 0;
  }
  [[nodiscard]] const std::string& found() const { return found_; }

 private:
  static std::string run(uid_t uid, const std::function<std::string(sd_bus*)>& calls) {
    if (uid != ::getuid() && ::setresuid(uid, uid, uid) != 0) {
      return "cannot become another user";
    }
    sd_bus* bus = nullptr;
    if (sd_bus_open_system(&bus) < 0) {
      return "cannot connect";
    }
    auto found = calls(bus);
    sd_bus_flush_close_unref(bus);
    return found;
  }

  pid_t pid_ = -1;
  int reading_ = -1;
  std::string found_;
};

}  // namespace agp::helper
