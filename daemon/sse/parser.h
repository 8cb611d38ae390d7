#pragma once

#include "common/base/bytes.h"
#include "daemon/sse/limits.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace agp::sse {

/// One dispatched event, borrowed for the call it is passed to.
struct Event {
  std::string_view type;  // "message" when the stream did not say
  Bytes data;
  bool unterminated = false;  // the stream ended before its empty line
  bool too_large = false;     // past the limit: `data` was dropped
};

/// What the parser reports, in the order of the stream.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_event(const Event& event) = 0;
  /// Lines of one block that are neither comment nor known field, joined with LF: some servers end
  /// a stream with a bare JSON error. Reported before the event of the same block.
  virtual void on_orphans(Bytes lines) = 0;
};

/// Server-sent events of one body. An event that lies whole in the input is not copied.
/// Source: WHATWG HTML, "Parsing an event stream"; meter rules: wire-formats section 1.
class Parser {
 public:
  explicit Parser(Sink* sink, std::size_t max_event_bytes = kMaxEventBytes);

  /// Feeds the next octets of one event stream, in order. Any split is equivalent.
  /// @param bytes  after content decoding; borrowed for this call only.
  void feed(Bytes bytes);

  /// The stream ended: the last line counts as complete, a pending event is reported as
  /// `unterminated`. Nothing may be fed afterwards.
  void finish();

 private:
  void end_line(Bytes in_input);
  void on_line(Bytes line, bool is_owned);
  void add_data(Bytes value, bool is_owned);
  void add_orphan(Bytes line);
  void dispatch(bool unterminated);
  void emit(Bytes data, bool unterminated);

  Sink* sink_;
  std::size_t max_event_bytes_;
  Buffer line_;                // a line whose end has not come yet
  Buffer data_;                // data of the pending event, lines joined with LF
  std::size_t data_from_ = 0;  // where the data starts in `data_`: a taken-over line keeps its name
  Bytes direct_;               // data of the pending event that still lies in the input
  Buffer orphans_;
  std::string type_;
  std::size_t bom_seen_ = 0;  // octets of a leading byte order mark; 3: past that question
  bool last_was_cr_ = false;
  bool has_data_ = false;
  bool line_too_large_ = false;
  bool event_too_large_ = false;
};

}  // namespace agp::sse
