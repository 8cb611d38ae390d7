#pragma once

#include "common/base/bytes.h"
#include "daemon/http2/head.h"
#include "daemon/http2/hpack.h"
#include "daemon/http2/limits.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

/// Passive HTTP/2: reads a copy of both directions of one connection. Nothing is ever sent, no
/// window is kept: what one peer sent is simply read as the other one will read it.
namespace agp::http2 {

enum class Direction { request, response };  // from the client; from upstream

using StreamId = std::uint32_t;

/// How a followed stream ended for us.
enum class StreamEnd {
  complete,  // upstream said END_STREAM
  reset,     // RST_STREAM of either side
  refused,   // GOAWAY said that upstream has not worked on it
  lost,      // the connection ended, is unparsed, or a limit was reached
};

/// What a stream took on the wire: field blocks as coded and payload of DATA, without frame heads
/// and padding.
struct Octets {
  std::uint64_t request = 0;
  std::uint64_t response = 0;
};

/// Takes what happens on one stream. Spans and views are borrowed for the call; no call may feed
/// the reader. Destroyed right after on_end.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void on_request_body(Bytes body) = 0;
  /// END_STREAM of the client.
  virtual void on_request_end() = 0;
  /// The head of a response has begun: of interim ones too.
  virtual void on_response_begin() = 0;
  /// The final response; 1xx are skipped.
  virtual void on_response(const Head& head) = 0;
  virtual void on_response_body(Bytes body) = 0;
  virtual void on_trailers(Direction direction, const Head& trailers) = 0;
  /// The client ended the connection in its direction; upstream may go on.
  virtual void on_client_end(Octets octets) = 0;
  /// Exactly once, last. A stream ends with the response, whether or not the request has ended.
  virtual void on_end(StreamEnd how, Octets octets) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;
  /// A request head begins; on_request of that stream follows, with nothing of other requests
  /// in between.
  virtual void on_request_begin() = 0;
  /// @return who takes the rest of that stream; null: of no interest, it costs no more than the
  ///         decoding of its field blocks.
  [[nodiscard]] virtual std::unique_ptr<StreamSink> on_request(StreamId id, const Head& head) = 0;
};

/// Tolerant of what does not change how frames are read; anything else turns it `unparsed` for
/// good and is then skipped at no cost. Limits and their outcomes: limits.h. Payload of DATA is
/// handed on where it lies; field blocks are decoded as they come and never collected.
/// HEADERS on a stream that is closed, or whose id goes backwards, are decoded and dropped.
/// Source: RFC 9113, RFC 7541, RFC 8441.
class ConnectionReader {
 public:
  explicit ConnectionReader(Sink* sink);

  /// For a connection that came here by `Upgrade: h2c`: the request was sent as HTTP/1.1 and is
  /// stream 1, RFC 7540 section 3.2. Before the first feed.
  void adopt_request(std::unique_ptr<StreamSink> stream);

  /// The next octets of that direction, in order. Any split is equivalent.
  void feed(Direction direction, Bytes bytes);

  /// That direction will bring no more.
  void finish(Direction direction);

  /// Every followed stream ends as lost, and nothing is read any more.
  void give_up();

  [[nodiscard]] bool is_unparsed() const { return failed_; }
  /// No stream is open, nor about to be.
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }
  [[nodiscard]] std::size_t followed_streams() const { return followed_; }

 private:
  enum class Step : std::uint8_t {
    preface,     // "PRI * HTTP/2.0…", the client only
    frame_head,  // nine octets
    pad_length,
    prefix,  // priority, promised stream, error code: a few octets that are kept
    body,
    padding,
  };

  struct Stream {
    std::unique_ptr<StreamSink> sink;  // null: not followed, or its response has ended
    Octets octets;
    bool request_ended = false;
    bool response_ended = false;
    bool has_response = false;  // the final head has been seen
  };
  using Streams = std::map<StreamId, Stream>;

  /// What a field block under way belongs to.
  enum class Block : std::uint8_t { none, request, response, trailers, dropped };

  struct TableSize {
    std::uint64_t settings;  // number of the SETTINGS frame, from 1
    std::size_t smallest;
    std::size_t last;
  };

  struct Half {
    Step step = Step::frame_head;
    std::array<std::uint8_t, 9> small{};  // frame head, or prefix
    std::size_t small_size = 0;
    std::size_t preface_seen = 0;
    // The frame under way.
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    StreamId id = 0;
    std::uint32_t prefix_left = 0;
    std::uint32_t body_left = 0;
    std::uint32_t padding_left = 0;
    bool wants_pad_length = false;
    bool body_begun = false;
    bool body_ended = false;
    bool had_frame = false;
    Stream* stream = nullptr;  // of a DATA frame or field block, when it is followed
    // The field block under way, and what has been decoded of it.
    Block block = Block::none;
    bool block_ends_stream = false;
    StreamId block_id = 0;
    std::size_t block_bytes = 0;
    std::size_t continuations = 0;
    FieldList fields;
    Inflater inflater;
    // What this side announced for what it receives.
    std::uint32_t max_frame_size = kDefaultMaxFrameSize;
    std::uint64_t settings_sent = 0;
    std::uint64_t settings_acknowledged = 0;
    std::vector<TableSize> table_sizes;  // not acknowledged yet, oldest first
    bool table_size_in_frame = false;    // this SETTINGS frame has added to the list

    /// Gives all memory back.
    void release();
  };

  [[nodiscard]] Half& half(Direction direction);
  [[nodiscard]] Half& other(Direction direction);
  [[nodiscard]] std::size_t read(Direction direction, Bytes in);
  void on_frame_head(Direction direction);
  void next_part(Direction direction);
  void begin_body(Direction direction);
  void on_body(Direction direction, Bytes piece);
  void end_body(Direction direction);
  void end_frame(Direction direction);
  void begin_block(Direction direction);
  void end_block(Direction direction);
  void open_request(Half* self);
  void refuse_late_request(StreamId id);
  void on_setting(Direction direction);
  void on_settings_acknowledged(Direction direction);
  void on_goaway(StreamId last);
  void on_end_stream(Direction direction, StreamId id);
  void end_stream(Streams::iterator at, StreamEnd how);
  void stop_following(Stream* stream, StreamEnd how);
  void fail();

  Sink* sink_;
  std::unique_ptr<Half> request_;
  std::unique_ptr<Half> response_;
  Streams streams_;
  std::size_t followed_ = 0;
  StreamId highest_request_ = 0;
  StreamId highest_promise_ = 0;
  StreamId lowest_goaway_ = 0x7FFFFFFF;
  std::size_t goaways_ = 0;  // that lowered it
  bool failed_ = false;
};

}  // namespace agp::http2
