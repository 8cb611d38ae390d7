#pragma once

#include "common/base/bytes.h"
#include "daemon/usage/json_reader.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// Spares the events of a stream their JSON tokens. Nearly every event is the one before it with
/// other text and other counts, so an event that was read becomes a likeness: its octets, with
/// holes where the reader saw a string that nobody wanted or a number that went into a slot. A text
/// that equals the likeness octet by octet, and has a well-formed string or number in each hole, is
/// valid JSON and makes the same calls with other numbers; a parse could find nothing more. That
/// takes one comparison and one search for the ends of the strings.
///
/// A reader calls an event repeatable when reading the same octets again would change nothing, as
/// long as no other event was taken over in between; then the numbers are all there is to take from
/// one that is like it. Every event that is taken over goes through end(); one that is broken and
/// leaves no trace need not.
class EventScan {
 public:
  struct Number {
    NumberUse slot = 0;
    std::string_view text;  // as written; borrowed from the event
  };

  /// @return whether `event` is like the one that was learned last.
  [[nodiscard]] bool is_like(Bytes event);
  /// The numbers with a slot of the event that was like it, in their order.
  [[nodiscard]] std::span<const Number> numbers() const { return numbers_; }

  /// An event is about to be parsed, because it is like no other. @return where the parser notes
  /// its holes; null while that does not pay, because no event is like another.
  [[nodiscard]] JsonHoles* begin();
  /// It was read whole and taken over. It is learned, which copies what counts of it, unless its
  /// holes were not noted or it is one that changes something when it comes a second time.
  void end(Bytes event, bool is_repeatable);

 private:
  /// Octets that have to be the same, then a hole or, at last, the end.
  struct Part {
    std::size_t size = 0;
    NumberUse use = kNoNumber;
  };

  [[nodiscard]] bool walk(Bytes event);
  void learn(Bytes event);

  std::string same_;  // the octets of all parts
  std::vector<Part> parts_;
  std::vector<Number> numbers_;
  JsonHoles holes_;
  bool is_noting_ = false;
  bool has_likeness_ = false;
  bool was_used_ = false;    // the likeness has spared a parse
  std::size_t useless_ = 0;  // likenesses in a row that spared none
  std::size_t pause_ = 0;    // events that will not be learned
};

}  // namespace agp::usage
