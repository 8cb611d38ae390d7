#pragma once

#include "daemon/relay/observer.h"
#include "daemon/relay/surroundings.h"

#include <string>
#include <variant>

/// What a connection asks of whoever holds its sockets.
namespace agp::relay {

/// Dial the original destination and answer with on_upstream_open.
struct OpenUpstream {
  Disposition disposition;
  std::string host;  // empty when the client named none
};
/// Send what is queued for `to`, then FIN.
struct HalfClose {
  Side to;
};
/// Reset both sides at once: what one peer aborted must look aborted to the other.
struct Abort {};
/// Something for the journal, the counters and `status`.
struct Report {
  enum class Kind {
    blocked,               // policy
    no_common_protocol,    // upstream takes none of the protocols that the client offers
    upstream_unreachable,  // detail: why
    upstream_refused,      // its TLS or its certificate: detail says why; never retried unverified
    client_refused,        // the client does not accept our leaf
    client_failed,         // the client broke its handshake in another way
    leaf_failed,           // we could not mint
    stream_broken,         // a TLS error in the middle of a stream
    intercepted,           // both handshakes done
    tunnelled,
    unnamed,   // the client named no host that policy could look up: `why` and detail say more
    unparsed,  // relayed, but no reader understands it; once per connection
    // The rewriting relay. detail: method, path without query, and why.
    request_blocked,    // a rule forbids it; upstream did not see it
    request_refused,    // ambiguous, or past a limit; upstream did not see it
    request_rewritten,  // a request rule changed its body
    reply_refused,      // upstream's answer was ambiguous, or past a limit
  };
  Kind kind;
  std::string host;
  std::string detail;
  Hello::Why why = Hello::Why::named;
  std::string rule = {};  // of the rewriting relay: the rule, or the code of the fault
};
using Command = std::variant<OpenUpstream, HalfClose, Abort, Report>;

}  // namespace agp::relay
