#pragma once

#include "common/base/bytes.h"
#include "daemon/relay/command.h"
#include "daemon/relay/surroundings.h"

#include <string>
#include <vector>

namespace agp::relay {

/// The rewriting relay of one connection, as the connection sees it: which octets of it the reader
/// gets, what it has to report, and which end was cut off. Does nothing where heads stay as they
/// are.
class RewritingHalf {
 public:
  /// @return false when there is no relay for this host: the connection must be refused.
  [[nodiscard]] bool start(Surroundings* surroundings,
                           rewrite::Protocol protocol,
                           rewrite::Options options);
  /// Octets go through a relay.
  [[nodiscard]] bool is_on() const { return parts_.relay != nullptr; }

  // From here on only where is_on().

  void on_bytes(Side from, Bytes plaintext, usage::Micros now);
  /// @param is_whole  that side said goodbye, and did not just stop.
  void on_end(Side from, bool is_whole);
  /// Drain: no further requests.
  void shut_down() { parts_.relay->shut_down(); }

  /// What to send next; empty: nothing for now. What goes upstream is kept for the reader as well
  /// if `is_observed`.
  [[nodiscard]] Buffer take_output(Side to, bool is_observed);
  /// Once take_output is empty.
  [[nodiscard]] bool wants_close(Side side) const;
  /// Upstream left in the middle of a reply: to the client, that must not look whole.
  [[nodiscard]] bool is_cut_off() const { return is_cut_off_; }

  [[nodiscard]] bool is_idle() const { return parts_.relay->is_idle(); }
  [[nodiscard]] bool wants_read(Side from) const;

  /// What upstream got since the last call: the reader reads that, not what the client sent.
  [[nodiscard]] Buffer take_sent_upstream();
  [[nodiscard]] bool has_sent_upstream() const { return !sent_upstream_.empty(); }

  /// What happened since the last call, oldest first.
  [[nodiscard]] std::vector<Report> take_reports(const std::string& host);

 private:
  Rewriting parts_;
  Buffer sent_upstream_;  // until it is observed
  bool is_cut_off_ = false;
};

}  // namespace agp::relay
