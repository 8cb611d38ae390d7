#include "daemon/usage/body_shape.h"

#include "daemon/usage/limits.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace agp::usage {

ShapeDetector::ShapeDetector(std::string_view content_type)
    : says_event_stream_(lower(content_type).starts_with("text/event-stream")) {
  if (content_type == kJsonSequence) {
    shape_ = Shape::sequence;
  }
}

std::size_t ShapeDetector::feed(Bytes in) {
  // One octet at a time, so that the decision depends on no read border; it takes a few octets.
  std::size_t used = 0;
  while (used < in.size() && shape_ == Shape::unknown) {
    prelude_.push_back(static_cast<char>(in[used++]));
    decide();
  }
  return used;
}

void ShapeDetector::decide() {
  static constexpr std::array<std::string_view, 5> kStarts{"data:", "event:", "id:", "retry:", ":"};
  static constexpr std::string_view kBom = "\xEF\xBB\xBF";
  std::string_view text = prelude_;
  if (text.size() < kBom.size() && kBom.starts_with(text)) {
    return;
  }
  if (text.starts_with(kBom)) {
    text.remove_prefix(kBom.size());
  }
  text = text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  if (text.empty()) {
    if (prelude_.size() >= kMaxPreludeBytes) {
      shape_ = says_event_stream_ ? Shape::sse : Shape::opaque;
    }
    return;
  }
  if (text[0] == '{' || text[0] == '[') {
    shape_ = Shape::json;
    prelude_.erase(0, prelude_.size() - 1);
    return;
  }
  bool may_be = false;
  for (const std::string_view start : kStarts) {
    if (says_event_stream_ || text.starts_with(start)) {
      shape_ = Shape::sse;
      return;
    }
    may_be = may_be || start.starts_with(text);
  }
  if (!may_be) {
    shape_ = Shape::opaque;
  }
}

void ShapeDetector::finish() {
  if (shape_ == Shape::unknown && !prelude_.empty()) {
    shape_ = says_event_stream_ ? Shape::sse : Shape::opaque;
  }
}

std::string ShapeDetector::take() {
  return std::exchange(prelude_, {});
}

}  // namespace agp::usage
