#include "daemon/usage/event_scan.h"

#include "daemon/usage/json_scan.h"

#include <algorithm>

#include <string.h>

namespace agp::usage {
namespace {

/// Longer ones are left to the parser, which has its own idea of them.
constexpr std::size_t kLongestNumber = 32;
/// So many likenesses in vain, then one event in so many is learned.
constexpr std::size_t kPatience = 16;
constexpr std::size_t kPause = 32;

}  // namespace

bool EventScan::is_like(Bytes event) {
  if (!has_likeness_ || !walk(event)) {
    return false;
  }
  was_used_ = true;
  return true;
}

bool EventScan::walk(Bytes event) {
  numbers_.clear();
  const std::uint8_t* at = event.data();
  const std::uint8_t* const end = at + event.size();
  const char* same = same_.data();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (static_cast<std::size_t>(end - at) < part.size || ::memcmp(at, same, part.size) != 0) {
      return false;
    }
    at += part.size;
    same += part.size;
    if (i + 1 == parts_.size()) {
      break;
    }
    if (part.use == kNoNumber) {
      at = skip_string(at, end);
      if (at == nullptr) {
        return false;
      }
      continue;
    }
    // The octet behind a number is part of the likeness and belongs to no number, so the number
    // ends here for the parser, too.
    const std::uint8_t* const from = at;
    while (at != end && is_number_octet(*at)) {
      ++at;
    }
    const std::string_view number = as_text({from, at});
    if (number.size() > kLongestNumber || !is_number(number)) {
      return false;
    }
    if (part.use >= 0) {
      numbers_.push_back({part.use, number});
    }
  }
  return at == end;
}

JsonHoles* EventScan::begin() {
  if (pause_ > 0) {
    --pause_;
    is_noting_ = false;
    return nullptr;
  }
  is_noting_ = true;
  holes_.clear();
  return &holes_;
}

void EventScan::end(Bytes event, bool is_repeatable) {
  if (has_likeness_) {
    useless_ = was_used_ ? 0 : useless_ + 1;
    pause_ = useless_ >= kPatience ? kPause : 0;
  }
  has_likeness_ = false;
  was_used_ = false;
  if (is_noting_ && is_repeatable) {
    learn(event);
  }
}

/// Takes the event's octets without the holes.
void EventScan::learn(Bytes event) {
  std::size_t size = event.size();
  for (const JsonHole& hole : holes_) {
    if (hole.use != kNumberMatters) {
      size -= static_cast<std::size_t>(hole.to - hole.from);
    }
  }
  if (size > kMaxLikenessBytes) {
    return;
  }
  same_.clear();
  parts_.clear();
  same_.reserve(size);
  const std::uint8_t* at = event.data();
  for (const JsonHole& hole : holes_) {
    if (hole.use == kNumberMatters) {
      continue;
    }
    const std::string_view same = as_text({at, hole.from});
    same_ += same;
    parts_.push_back({same.size(), hole.use});
    at = hole.to;
  }
  const std::string_view last = as_text({at, event.data() + event.size()});
  same_ += last;
  parts_.push_back({last.size(), kNoNumber});
  has_likeness_ = true;
}

}  // namespace agp::usage
