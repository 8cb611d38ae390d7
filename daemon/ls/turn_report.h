#pragma once

#include "daemon/ls/conversation_watcher.h"

#include <string>
#include <vector>

namespace agp::ls {

/// Tells the watcher about one turn, and in any case that it is over and what it was answered with.
class TurnReport {
 public:
  /// @param watcher  outlives the report; may be null.
  TurnReport(ConversationWatcher* watcher, std::string instance);
  TurnReport(const TurnReport&) = delete;
  TurnReport& operator=(const TurnReport&) = delete;
  ~TurnReport() { end(); }

  /// The conversation has its id and the message is about to be sent.
  void begin(const std::string& cascade_id);
  /// What was seen of it by now. Twice the same is said once.
  void see(const std::string& trajectory_id, const std::vector<NamedResponse>& responses);
  void end();

 private:
  ConversationWatcher* watcher_;
  std::string instance_;
  std::string cascade_id_;
  std::string trajectory_id_;
  std::vector<NamedResponse> responses_;
  bool is_running_ = false;
};

}  // namespace agp::ls
