#pragma once

#include "daemon/usage/record.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace agp::api {

/// What the connections did since the start of the process, and what they hold now.
struct InterceptionStatus {
  using Counts = std::map<std::string, std::uint64_t>;
  struct Host {
    std::string host;
    std::uint64_t count = 0;
    usage::Micros last_at{};
    std::string detail;
    std::string remedy;
  };

  std::uint64_t open = 0;
  std::uint64_t calls_under_way = 0;
  std::uint64_t accepted = 0;
  std::uint64_t intercepted = 0;
  Counts intercepted_by_protocol;
  std::uint64_t tunnelled = 0;
  Counts tunnelled_by_reason;
  Counts unnamed_by_reason;  // clients that named no host that policy could look up
  std::uint64_t blocked = 0;
  std::uint64_t unparsed = 0;
  std::uint64_t requests_blocked = 0;
  std::uint64_t requests_refused = 0;
  std::uint64_t requests_rewritten = 0;
  std::uint64_t replies_refused = 0;
  std::uint64_t refused_destination = 0;
  std::uint64_t upstream_unreachable = 0;
  std::uint64_t proxy_failed = 0;
  std::uint64_t upstream_refused = 0;
  std::uint64_t client_refused = 0;  // our certificate
  std::uint64_t client_failed = 0;   // its handshake, for another reason
  std::uint64_t no_common_protocol = 0;
  std::uint64_t stream_broken = 0;
  std::uint64_t timed_out = 0;

  std::uint64_t bytes_to_client = 0;
  std::uint64_t bytes_to_upstream = 0;
  std::uint64_t bytes_spliced = 0;  // of both: never entered the process
  std::uint64_t buffered_bytes = 0;
  std::uint64_t max_buffered_bytes = 0;

  bool is_accept_paused = false;
  std::uint64_t paused_for_connections = 0;
  std::uint64_t paused_for_descriptors = 0;
  std::uint64_t max_connections = 0;

  std::vector<Host> refused_by_client;    // clients that do not accept our certificate
  std::vector<Host> refused_by_upstream;  // servers whose TLS or certificate we do not accept
};

/// The object `interception` of `GET /v1/status`.
[[nodiscard]] boost::json::object interception_value(const InterceptionStatus& status);

}  // namespace agp::api
