#pragma once

#include "daemon/usage/record.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Recorded exchanges, read offline by the daemon's own readers.
namespace agp::cli {

inline constexpr std::size_t kMostReplayOctets = 256U << 20U;  // of one file

/// What a recording does not say itself.
struct ReplayContext {
  std::optional<std::string> request;  // the raw request, when it has a file of its own
  std::optional<std::string> host;
  std::optional<std::string> path;  // with its query, if any
  usage::Micros now{};              // for recordings without a time
};

struct Replayed {
  std::vector<usage::Record> records;
  std::vector<std::string> faults;  // what could not be read, and why
};

/// HAR 1.2, or one raw exchange: an HTTP response, perhaps with its request before it, or a body
/// alone when the context says where it came from. Also what curl writes with -i, where chunks are
/// undone and HTTP/2 has a status line.
[[nodiscard]] Replayed replay(std::string_view recording, const ReplayContext& context);

/// One exchange as it was on the wire of HTTP/1.1.
struct RawExchange {
  std::string host;
  std::string request;
  std::string response;
  std::string protocol = "http/1.1";
  usage::Micros started_at{};
  usage::Micros ended_at{};
};
/// @param what  names the exchange in faults.
[[nodiscard]] Replayed replay_exchange(const RawExchange& exchange, const std::string& what);

/// The entries of a HAR document that are model calls; the others are none of our business.
[[nodiscard]] Replayed replay_har(std::string_view document);

/// A document that begins like HAR.
[[nodiscard]] bool looks_like_har(std::string_view recording);

}  // namespace agp::cli
