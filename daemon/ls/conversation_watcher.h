#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace agp::ls {

/// A model's answer as the language server names it in a trajectory.
struct NamedResponse {
  std::string response_id;
  std::optional<std::uint64_t> step_index;

  friend bool operator==(const NamedResponse&, const NamedResponse&) = default;
};

/// Who wants to know which conversations a language server has and what it says about them: the
/// other half of what is seen on the network. Called on the driver's thread; must not wait.
class ConversationWatcher {
 public:
  virtual ~ConversationWatcher() = default;
  virtual void on_conversation(const std::string& instance, const std::string& cascade_id) = 0;
  virtual void on_trajectory(const std::string& instance,
                             const std::string& cascade_id,
                             const std::string& trajectory_id) = 0;
  /// A turn begins, before the model can be asked anything, or is over. Turns of one conversation
  /// may overlap.
  virtual void on_running(const std::string& instance,
                          const std::string& cascade_id,
                          bool is_running) = 0;
  /// Once for each response of a turn, when the turn is over.
  virtual void on_response(const std::string& cascade_id,
                           const std::string& trajectory_id,
                           const NamedResponse& response) = 0;
};

}  // namespace agp::ls
