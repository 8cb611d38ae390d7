#pragma once

#include "daemon/rewrite/http1_message.h"
#include "daemon/rewrite/relay.h"

/// What one HTTP/1.1 request head asks for, checked.
namespace agp::rewrite {

struct Request {
  Head head;
  BodyShape body;
  std::string target;       // origin form, or "*"
  bool is_upgrade = false;  // to WebSocket
  bool expects_continue = false;
  bool closes = false;  // the client will send no other request
};

/// @return the first reason why the request must not be passed on.
[[nodiscard]] std::optional<Fault> check_request(const Options& options, Head head, Request* into);

/// The fields that upstream gets: hop-by-hop ones are made anew, framing is `shape`.
[[nodiscard]] Fields upstream_fields(const Options& options,
                                     const Rules& rules,
                                     const Request& request);

/// What the client gets of a response's fields. @param closes  adds `Connection: close`.
struct ResponseFraming {
  BodyShape body;
  bool is_upgrade = false;
  bool closes = false;
};
[[nodiscard]] Fields client_fields(const Rules& rules,
                                   const Head& head,
                                   const ResponseFraming& framing);

}  // namespace agp::rewrite
