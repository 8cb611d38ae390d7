#pragma once

#include "common/base/result.h"
#include "daemon/ls/process_scan.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace agp::finder {

/// Answers one question after the other. Who may ask is decided by the mode of the socket.
class Server {
 public:
  struct Options {
    /// A finder for `language_server.user`; it is kept as long as the same is asked for.
    std::function<std::unique_ptr<ls::SessionFinder>(const std::string& user)> make;
    std::chrono::milliseconds idle{30'000};  // without a question, then it ends
    std::chrono::steady_clock::duration patience = std::chrono::seconds(2);  // with one peer
  };

  explicit Server(Options options) : options_(std::move(options)) {}
  /// @param listener  a listening stream socket.
  /// @return success once nobody has asked for long enough.
  [[nodiscard]] Result<> serve(int listener);

 private:
  void attend(int peer);

  Options options_;
  std::string user_;
  std::unique_ptr<ls::SessionFinder> finder_;
};

}  // namespace agp::finder
