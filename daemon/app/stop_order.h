#pragma once

namespace agp::app {

/// In which order the daemon goes: the streams that are alive when it is asked to, while it serves
/// whoever comes; then the streams that came meanwhile; then the language server they belonged to,
/// then the rest. A call that is under way may need others to come to its end, and a caller who
/// waits in the backlog waits for the young streams alone. Each call says what is to be done now;
/// nothing is said twice.
///
/// running ─> ending_old ─> draining ─┬─> stopping_ls ─> finished
///                                    └────────────────────┘
/// A second request goes straight to the end. Of a stop that the daemon began by itself the first
/// one changes nothing.
class StopOrder {
 public:
  enum class Step {
    none,
    end_old,  // what is alive now may end, until limits.drain_timeout
    drain,    // no new connections; what came meanwhile may end, until limits.drain_timeout again
    stop_ls,  // then tell on_ls_stopped()
    finish,   // end what is left, write the ledger, leave
  };

  /// Somebody wants the daemon to stop.
  [[nodiscard]] Step on_request();
  /// The daemon wants to: it cannot do its work any more.
  [[nodiscard]] Step on_own_accord();
  /// What was alive at the request has ended, or had its time.
  [[nodiscard]] Step on_old_ended();
  /// The streams have ended, or had their time.
  /// @param can_stop_ls  there is a language server to stop and a way to do it.
  [[nodiscard]] Step on_drained(bool can_stop_ls);
  /// The supervisor has ended: because it was asked to, or by itself at any other time.
  [[nodiscard]] Step on_ls_stopped();

  [[nodiscard]] bool is_stopping() const { return phase_ != Phase::running; }
  [[nodiscard]] bool is_asked_for() const { return is_asked_for_; }

 private:
  enum class Phase { running, ending_old, draining, stopping_ls, finished };
  [[nodiscard]] Step finish();

  Phase phase_ = Phase::running;
  bool is_asked_for_ = false;
};

}  // namespace agp::app
