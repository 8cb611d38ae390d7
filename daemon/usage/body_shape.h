#pragma once

#include "common/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agp::usage {

/// What a response body is made of.
enum class Shape {
  unknown,   // too little has come to tell
  sse,       // server-sent events
  json,      // one JSON text, an object or an array
  sequence,  // a JSON text sequence, RFC 7464
  opaque,    // nothing that we read
};

/// Content type of a JSON text sequence: that is how the messages of a WebSocket reach a reader,
/// each followed by kRecordSeparator.
inline constexpr const char* kJsonSequence = "application/json-seq";
inline constexpr std::uint8_t kRecordSeparator = 0x1E;

/// Finds out what a body is: by its first octets, then by its Content-Type, which servers get
/// wrong. Source: wire-formats section 1.5.
class ShapeDetector {
 public:
  explicit ShapeDetector(std::string_view content_type);

  [[nodiscard]] Shape shape() const { return shape_; }
  /// The next octets, while the shape is unknown; any split is equivalent. @return how many were
  /// taken; `take()` has them.
  [[nodiscard]] std::size_t feed(Bytes in);
  /// The body ended.
  void finish();
  /// The octets that were looked at; of a JSON text without what stands before its bracket.
  [[nodiscard]] std::string take();

 private:
  void decide();

  bool says_event_stream_;
  Shape shape_ = Shape::unknown;
  std::string prelude_;
};

}  // namespace agp::usage
