#pragma once

#include "common/base/bytes.h"
#include "daemon/usage/endpoint.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <memory>
#include <string>

namespace agp::usage {

/// What the response head told, copied.
struct ResponseFacts {
  std::uint16_t http_status = 0;
  std::string content_type;
  std::string content_encoding;
  std::string service_tier;  // x-gemini-service-tier
  std::string trace_id;      // x-cloudaicompanion-trace-id
  std::string request_id;    // request-id or x-request-id
};

/// Reads one response body of one wire format.
class ResponseReader {
 public:
  virtual ~ResponseReader() = default;
  /// Decoded octets, in order; any split is equivalent.
  virtual void feed(Bytes decoded) = 0;
  /// The body ended, complete or not.
  virtual void finish() = 0;
  /// The terminal marker was seen (wire-formats section 3.1).
  [[nodiscard]] virtual bool has_ended() const = 0;
  [[nodiscard]] virtual bool has_usage() const = 0;
  /// How many chunks have come; see Pace.
  [[nodiscard]] virtual std::uint64_t chunks() const = 0;
  /// The numbers are the last word, not running ones.
  [[nodiscard]] virtual bool has_final_counts() const = 0;
  /// Writes what the body said: stream, model, ids, finish, usage, error, flags.
  virtual void fill(Record* record) const = 0;
};

[[nodiscard]] std::unique_ptr<ResponseReader> make_response_reader(Wire wire,
                                                                   const ResponseFacts& facts);

}  // namespace agp::usage
