#pragma once

#include "daemon/usage/endpoint.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Synthetic event streams to measure with.
namespace agp::bench {

struct Wire {
  const char* name;
  usage::Wire wire;
};

[[nodiscard]] std::vector<Wire> wires();

enum class Events {
  without_usage,  // but for the last one
  with_usage,     // running totals in each, where the wire has them
  unlike,         // the same, and each event has another field than the one before
};

struct Stream {
  std::string plain;    // the body
  std::string chunked;  // one chunk an event
  std::string gzip;     // flushed behind each event
  std::uint64_t output_total = 0;
};

/// @param event_bytes  of each event; the shortest ones are as long as their fields make them.
/// @param octets       of the whole stream, at least
[[nodiscard]] Stream make(const Wire& wire,
                          Events events,
                          std::size_t event_bytes,
                          std::size_t octets);

}  // namespace agp::bench
