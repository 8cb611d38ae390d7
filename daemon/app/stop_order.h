#pragma once

namespace agp::app {

/// In which order the daemon goes: its live streams first, then the language server they belonged
/// to, then the rest. Each call says what is to be done now; nothing is said twice.
///
/// running ─> draining ─┬─> stopping_ls ─> finished
///                      └────────────────────┘
/// A second request goes straight to the end.
class StopOrder {
 public:
  enum class Step {
    none,
    drain,    // no new connections; those that are alive may end, until limits.drain_timeout
    stop_ls,  // then tell on_ls_stopped()
    finish,   // end what is left, write the ledger, leave
  };

  /// Somebody wants the daemon to stop.
  [[nodiscard]] Step on_request();
  /// The streams have ended, or had their time.
  /// @param can_stop_ls  there is a language server to stop and a way to do it.
  [[nodiscard]] Step on_drained(bool can_stop_ls);
  /// The supervisor has ended: because it was asked to, or by itself at any other time.
  [[nodiscard]] Step on_ls_stopped();

  [[nodiscard]] bool is_stopping() const { return phase_ != Phase::running; }

 private:
  enum class Phase { running, draining, stopping_ls, finished };
  [[nodiscard]] Step finish();

  Phase phase_ = Phase::running;
};

}  // namespace agp::app
