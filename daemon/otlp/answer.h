#pragma once

#include "daemon/usage/record.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What a receiver's answer to a request means.
namespace agp::otlp {

/// Of HTTP what matters here.
struct Answer {
  unsigned status = 0;
  std::string retry_after;  // the field; empty: none
  std::string body;
};

struct Verdict {
  enum class Kind {
    accepted,
    later,    // the same request may be sent again
    refused,  // for good
  };
  Kind kind = Kind::refused;
  std::optional<std::chrono::seconds> retry_after;
  std::uint64_t rejected_points = 0;  // of an accepted one
  std::string message;                // the receiver's words, short and printable
};

/// As the protocol has it: 429, 502, 503 and 504 mean later.
/// @param now  for a Retry-After that is a date.
[[nodiscard]] Verdict judge(const Answer& answer, usage::Micros now);

}  // namespace agp::otlp
