#pragma once

#include "common/base/unique_fd.h"
#include "tests/daemon/ls/temp_dir.h"

#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace agp::ls {

/// Stands in for antigravity-proxy-finder: does with each connection what the test says, and
/// refuses what comes after the last.
class ScriptedFinder {
 public:
  using Turn = std::function<void(int peer)>;

  ScriptedFinder() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
  }
  ~ScriptedFinder() { finish(); }
  ScriptedFinder(const ScriptedFinder&) = delete;
  ScriptedFinder& operator=(const ScriptedFinder&) = delete;

  void play(std::vector<Turn> turns) {
    thread_ = std::thread([this, turns = std::move(turns)] {
      for (const auto& turn : turns) {
        const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer.is_open()) {
          return;
        }
        turn(peer.get());
        ++played_;
      }
    });
  }
  /// @return how many of the turns were had.
  int finish() {
    (void)::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) {
      thread_.join();
    }
    return played_;
  }
  [[nodiscard]] int listener() const { return listener_.get(); }
  [[nodiscard]] std::string path() const { return (dir_.path() / "finder.sock").string(); }

 private:
  TempDir dir_;
  UniqueFd listener_;
  std::thread thread_;
  int played_ = 0;
};

}  // namespace agp::ls
