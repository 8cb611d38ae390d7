#pragma once

#include "common/base/bytes.h"
#include "daemon/rewrite/rules.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

/// The rewriting relay: for hosts whose policy looks at requests or changes them. Unlike the
/// verbatim relay it ends HTTP on both sides: what upstream sees is what was decided on.
namespace agp::rewrite {

enum class Protocol { http1, http2 };
enum class Peer { client, upstream };

struct Options {
  /// The name that Host and :authority must have (the SNI), lower case.
  std::string host;
  /// The port that may follow the name; it may always be absent.
  std::uint16_t port = 443;
  /// The client speaks to us by our own name (cleartext reverse endpoint): its authority is not
  /// looked at, upstream gets `host`.
  bool sets_authority = false;
  /// What :scheme and an absolute-form target must say. With sets_authority either is accepted
  /// and upstream gets `https`.
  std::string scheme = "https";
};

/// For the journal, the counters and `status`. Never holds a query string or content.
struct Event {
  enum class Kind {
    blocked,    // a rule forbids the request; upstream did not see it
    refused,    // the client's octets are ambiguous, or break a limit
    bad_reply,  // upstream's octets are ambiguous, or break a limit
    rewritten,  // a request rule changed a body
  };
  Kind kind = Kind::refused;
  std::string method;  // empty when none was understood
  std::string path;    // without query
  std::string reason;  // for people
  std::string where;   // the rule (blocked, rewritten), else a code such as `repeated_length`

  friend bool operator==(const Event&, const Event&) = default;
};

/// One connection, both sides, decrypted octets. Sans-io: any split of the input is equivalent.
///
/// The driver's loop: after every call here, for each peer that it is not writing to, take_output
/// and write it; when a write is done, take_output of *both* peers again (what one peer takes
/// makes room for the other). Do not read from a peer while wants_read is false.
/// A reader of usage is fed what take_output(upstream) gave and what upstream sent.
class Relay {
 public:
  /// @param rules  outlives the relay.
  [[nodiscard]] static std::unique_ptr<Relay> make(Protocol protocol,
                                                   Options options,
                                                   const Rules* rules);
  virtual ~Relay() = default;
  Relay() = default;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// The next octets of that peer, in order; borrowed for the call. Ignored once it wants_close.
  virtual void on_bytes(Peer from, Bytes in) = 0;
  /// That peer will send no more.
  virtual void on_end(Peer from) = 0;

  /// What to send next, at most a few hundred KiB; empty: nothing for now. Owned by the caller.
  [[nodiscard]] virtual Buffer take_output(Peer to) = 0;
  /// False above a high-water mark.
  [[nodiscard]] virtual bool wants_read(Peer from) const = 0;
  /// Once take_output is empty: end that leg (close_notify and FIN). When both want it, the
  /// connection is over; reading the rest of what the client sends for a moment before the socket
  /// is closed keeps the kernel from discarding the answer.
  [[nodiscard]] virtual bool wants_close(Peer peer) const = 0;
  /// No exchange is open: ending the connection now loses nothing.
  [[nodiscard]] virtual bool is_idle() const = 0;
  /// Drain: no further requests. What is open finishes, then both legs want_close.
  virtual void shut_down() = 0;
  /// The time, of any steady clock; once before each on_bytes is enough. Allowances of frames that
  /// carry nothing grow back with it, so that a keep-alive PING does no harm in a week. Without it
  /// they grow with messages alone.
  virtual void on_time(std::chrono::steady_clock::time_point) {}

  /// What happened since the last call, oldest first.
  [[nodiscard]] virtual std::vector<Event> take_events() = 0;
};

}  // namespace agp::rewrite
