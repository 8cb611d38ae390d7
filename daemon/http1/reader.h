#pragma once

#include "common/base/bytes.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Passive HTTP/1.1: reads a copy of both directions of one connection.
namespace agp::http1 {

enum class Direction { request, response };

/// How a response body ended.
enum class BodyEnd {
  complete,   // as the framing said, or a clean end of a body that lasts until close
  truncated,  // the connection ended first
};

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding white space
};

/// A message head. Everything in it is borrowed for the call that it is passed to.
struct Head {
  std::string_view method;   // request only
  std::string_view target;   // request only, as sent
  std::uint16_t status = 0;  // response only
  std::span<const Field> fields;

  /// First value of that name, case-insensitive; empty when absent.
  [[nodiscard]] std::string_view field(std::string_view name) const;
  /// What was done to the body, in that order: Content-Encoding, then Transfer-Encoding without
  /// the final `chunked`, which the reader undoes; all fields of a name joined with commas.
  [[nodiscard]] std::string codings() const;
};

/// What the reader reports. Spans and views are borrowed for the call. The sink must not feed the
/// reader from inside a call.
class Sink {
 public:
  virtual ~Sink() = default;
  /// The first octet of a message: of each request, and of each response head (interim ones too).
  virtual void on_begin(Direction direction) = 0;
  virtual void on_request(const Head& head) = 0;
  virtual void on_request_body(Bytes body) = 0;
  /// @param octets  the whole request as it was on the wire: head, framing, body.
  virtual void on_request_end(std::uint64_t octets) = 0;
  /// The final response to the oldest request that has none; 1xx are skipped, 101 is final.
  virtual void on_response(const Head& head) = 0;
  virtual void on_response_body(Bytes body) = 0;
  virtual void on_response_end(std::uint64_t octets, BodyEnd how) = 0;
};

/// Tolerant: what it cannot follow turns it `unparsed` for good and is then skipped at no cost.
/// Source: RFC 9112; bare LF is accepted as a line end.
class ConnectionReader {
 public:
  explicit ConnectionReader(Sink* sink);

  /// The next octets of that direction, in order. Any split is equivalent.
  void feed(Direction direction, Bytes bytes);

  /// That direction will bring no more. A response that is open ends here.
  void finish(Direction direction, bool clean);

  /// Octets of the message that this direction is in the middle of; 0 between messages.
  [[nodiscard]] std::uint64_t open_octets(Direction direction) const;

  /// Octets went by that are no HTTP/1.1, or a limit was passed. Nothing is reported any more.
  [[nodiscard]] bool is_unparsed() const { return failed_; }

  /// A 101 or a CONNECT was answered: the rest belongs to another protocol.
  [[nodiscard]] bool is_upgraded() const { return upgraded_; }

 private:
  // head ──> length | chunk_size ──> chunk_data ──> chunk_end ──> chunk_size … ──> trailer ──> head
  //   └──> until_close ──> ended         └──> waiting (after CONNECT, until it is answered)
  enum class State {
    head,
    length,
    until_close,
    chunk_size,
    chunk_data,
    chunk_end,
    trailer,
    waiting,
    ended,
  };

  struct Half {
    State state = State::head;
    std::uint64_t octets = 0;  // of the current message
    std::uint64_t left = 0;    // of a body by length, or of a chunk
    std::size_t trailer_bytes = 0;
    Buffer pending;      // a head or a line whose end has not come yet
    bool begun = false;  // on_begin was reported for the current head
  };

  enum class Method : std::uint8_t { head, connect, other };

  [[nodiscard]] Half& half(Direction direction);
  [[nodiscard]] std::size_t step(Direction direction, Bytes in);
  [[nodiscard]] std::size_t read_head(Direction direction, Bytes in);
  [[nodiscard]] bool parse_head(Direction direction, Bytes text);
  [[nodiscard]] bool start_request_body(const Head& head);
  [[nodiscard]] bool start_response_body(const Head& head);
  [[nodiscard]] std::size_t read_line(Half* half, Bytes in, std::string_view* line);
  void body(Direction direction, Bytes piece);
  void end_message(Direction direction, BodyEnd how);
  void fail();

  Sink* sink_;
  Half request_;
  Half response_;
  std::vector<Method> unanswered_;  // oldest first
  bool failed_ = false;
  bool upgraded_ = false;
};

}  // namespace agp::http1
