#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/usage/cascades.h"

#include <cstdint>
#include <optional>
#include <string>

namespace agp::app {

/// Ties what is seen on the network to the conversations of our language servers: the driver tells
/// what it knows of them, records are resolved on the workers' threads, and what the language
/// server says afterwards goes to the ledger.
class Correlation final : public ls::ConversationWatcher {
 public:
  /// @param ls_uid  the account of our language servers, if it exists; @param ledger  outlives
  /// this, or end() was called.
  Correlation(std::optional<std::uint32_t> ls_uid, ledger::Ledger* ledger)
      : ls_uid_(ls_uid), ledger_(ledger) {}

  /// Nothing goes to the ledger from now on. Turns that are cut off end after the ledger has.
  void end() { ledger_ = nullptr; }

  /// A language server of ours answers.
  void on_instance(const std::string& instance);
  void on_conversation(const std::string& instance, const std::string& cascade_id) override;
  void on_trajectory(const std::string& instance,
                     const std::string& cascade_id,
                     const std::string& trajectory_id) override;
  void on_running(const std::string& instance,
                  const std::string& cascade_id,
                  bool is_running) override;
  void on_response(const std::string& cascade_id,
                   const std::string& trajectory_id,
                   const ls::NamedResponse& response) override;

  /// Any thread. Fills instance, cascade and evidence.
  void resolve(usage::Record* record) const;

 private:
  const std::optional<std::uint32_t> ls_uid_;
  ledger::Ledger* ledger_;
  usage::Cascades cascades_;
};

}  // namespace agp::app
