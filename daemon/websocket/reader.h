#pragma once

#include "common/base/bytes.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

/// Passive WebSocket: reads a copy of both directions behind the handshake.
namespace agp::websocket {

enum class Direction { client, server };

/// permessage-deflate as it was agreed, RFC 7692.
struct Deflate {
  bool is_on = false;
  bool client_no_context_takeover = false;
  bool server_no_context_takeover = false;
};

/// Reads the server's Sec-WebSocket-Extensions. Window sizes need no memory of their own: a window
/// of 32 KiB reads what was written with a smaller one.
/// @return nothing for an extension that we do not know: its frames cannot be read.
[[nodiscard]] std::optional<Deflate> parse_extensions(std::string_view header);

enum class MessageEnd {
  complete,
  dropped,  // a limit was reached: data is missing at the end
};

/// What the reader reports. Spans are borrowed for the call; no call may feed the reader.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_message_begin(Direction direction, bool is_text) = 0;
  /// Payload, unmasked and inflated, piece by piece.
  virtual void on_message_data(Direction direction, Bytes data) = 0;
  virtual void on_message_end(Direction direction, MessageEnd how) = 0;
};

/// Control frames are skipped; behind a close frame that direction is not read any more.
/// Memory: a window per direction that has sent a compressed message.
/// Source: RFC 6455, RFC 7692.
class ConnectionReader {
 public:
  ConnectionReader(Sink* sink, Deflate deflate);
  ConnectionReader(const ConnectionReader&) = delete;
  ConnectionReader& operator=(const ConnectionReader&) = delete;
  ~ConnectionReader();

  /// The next octets of that direction, in order. Any split is equivalent.
  void feed(Direction direction, Bytes bytes);

  /// Octets read so far of that direction, frame heads included; exact inside a sink's call.
  [[nodiscard]] std::uint64_t octets(Direction direction) const;

  /// No WebSocket, an extension that was not agreed, or a limit. Nothing is reported any more.
  [[nodiscard]] bool is_unparsed() const { return failed_; }

 private:
  class Inflate;

  struct Half {
    std::array<std::uint8_t, 14> head{};
    std::size_t head_size = 0;
    std::size_t head_need = 2;
    bool in_payload = false;
    bool is_final = false;
    bool is_control = false;
    bool is_masked = false;
    std::size_t mask_at = 0;
    std::uint64_t left = 0;
    std::uint64_t octets = 0;
    // The message under way, of one or more frames.
    bool in_message = false;
    bool is_compressed = false;
    bool is_dropped = false;
    std::uint64_t coded = 0;
    std::uint64_t decoded = 0;
    bool is_closed = false;
    std::unique_ptr<Inflate> inflate;
  };

  [[nodiscard]] Half& half(Direction direction);
  [[nodiscard]] std::size_t read_head(Direction direction, Bytes in);
  void on_head(Direction direction);
  void begin_frame(Direction direction, std::uint8_t opcode, bool is_compressed);
  void read_payload(Direction direction, Bytes piece);
  void on_data(Direction direction, Bytes piece);
  void inflate(Direction direction, Bytes piece);
  void end_frame(Direction direction);
  void fail();

  Sink* sink_;
  Deflate deflate_;
  Half client_;
  Half server_;
  bool failed_ = false;
};

}  // namespace agp::websocket
