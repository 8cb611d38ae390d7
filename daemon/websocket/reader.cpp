#include "daemon/websocket/reader.h"

#include "daemon/websocket/limits.h"

#include <algorithm>

#include <zlib.h>

namespace agp::websocket {
namespace {

constexpr std::uint8_t kContinuation = 0;
constexpr std::uint8_t kText = 1;
constexpr std::uint8_t kBinary = 2;
constexpr std::uint8_t kClose = 8;
constexpr std::uint8_t kPing = 9;
constexpr std::uint8_t kPong = 10;

/// What a sender leaves off each message, RFC 7692 section 7.2.1.
constexpr std::array<std::uint8_t, 4> kTail{0x00, 0x00, 0xFF, 0xFF};

}  // namespace

class ConnectionReader::Inflate {
 public:
  Inflate() { is_open_ = ::inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() {
    if (is_open_) {
      (void)::inflateEnd(&stream_);
    }
  }

  void forget() { (void)::inflateReset(&stream_); }

  /// @param out  called with each piece of output; false ends it. @return false: broken, or ended.
  template <class Out>
  [[nodiscard]] bool run(Bytes in, const Out& out) {
    if (!is_open_) {
      return false;
    }
    std::array<std::uint8_t, kPieceBytes> piece;
    stream_.next_in = const_cast<Bytef*>(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    do {
      stream_.next_out = piece.data();
      stream_.avail_out = static_cast<uInt>(piece.size());
      const int status = ::inflate(&stream_, Z_SYNC_FLUSH);
      if (status == Z_STREAM_END) {
        // A final block does not end the message, RFC 7692 section 7.2.3.4, nor the window.
        if (::inflateResetKeep(&stream_) != Z_OK) {
          return false;
        }
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return false;
      }
      const std::size_t n = piece.size() - stream_.avail_out;
      if (n > 0 && !out(Bytes(piece.data(), n))) {
        return false;
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return true;
  }

 private:
  z_stream stream_{};
  bool is_open_ = false;
};

ConnectionReader::ConnectionReader(Sink* sink, Deflate deflate) : sink_(sink), deflate_(deflate) {}
ConnectionReader::~ConnectionReader() = default;

ConnectionReader::Half& ConnectionReader::half(Direction direction) {
  return direction == Direction::client ? client_ : server_;
}

std::uint64_t ConnectionReader::octets(Direction direction) const {
  return direction == Direction::client ? client_.octets : server_.octets;
}

void ConnectionReader::feed(Direction direction, Bytes bytes) {
  Half& self = half(direction);
  while (!bytes.empty() && !failed_ && !self.is_closed) {
    if (!self.in_payload) {
      bytes = bytes.subspan(read_head(direction, bytes));
      continue;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), self.left));
    self.octets += n;
    self.left -= n;
    if (!self.is_control && !self.is_dropped) {
      read_payload(direction, bytes.first(n));
    }
    if (!failed_ && self.left == 0) {
      end_frame(direction);
    }
    bytes = bytes.subspan(n);
  }
}

std::size_t ConnectionReader::read_head(Direction direction, Bytes in) {
  Half& self = half(direction);
  const std::size_t n = std::min(in.size(), self.head_need - self.head_size);
  std::copy_n(in.begin(), n, self.head.begin() + static_cast<std::ptrdiff_t>(self.head_size));
  self.head_size += n;
  self.octets += n;
  if (self.head_size < self.head_need) {
    return n;
  }
  if (self.head_need == 2) {
    const std::uint8_t length = self.head[1] & 0x7F;
    self.head_need += (length == 126   ? 2u
                       : length == 127 ? 8u
                                       : 0u) +
                      ((self.head[1] & 0x80) != 0 ? 4u : 0u);
    if (self.head_need > 2) {
      return n;
    }
  }
  on_head(direction);
  return n;
}

void ConnectionReader::on_head(Direction direction) {
  Half& self = half(direction);
  const std::uint8_t first = self.head[0];
  const std::uint8_t short_length = self.head[1] & 0x7F;
  const std::size_t length_size = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  std::uint64_t length = length_size == 0 ? short_length : 0;
  for (std::size_t i = 0; i < length_size; ++i) {
    length = length << 8 | self.head[2 + i];
  }
  self.is_masked = (self.head[1] & 0x80) != 0;
  if (self.is_masked) {
    // Only the mask is needed from here on.
    std::copy_n(self.head.begin() + static_cast<std::ptrdiff_t>(2 + length_size), 4,
                self.head.begin());
  }
  self.mask_at = 0;
  self.head_size = 0;
  self.head_need = 2;
  self.left = length;
  self.is_final = (first & 0x80) != 0;
  const std::uint8_t opcode = first & 0x0F;
  const bool is_compressed = (first & 0x40) != 0;
  if ((first & 0x30) != 0 || (length >> 63) != 0 || (is_compressed && !deflate_.is_on)) {
    fail();
    return;
  }
  begin_frame(direction, opcode, is_compressed);
  if (failed_) {
    return;
  }
  self.in_payload = true;
  if (self.left == 0) {
    end_frame(direction);
  }
}

void ConnectionReader::begin_frame(Direction direction, std::uint8_t opcode, bool is_compressed) {
  Half& self = half(direction);
  self.is_control = opcode >= kClose;
  if (opcode == kText || opcode == kBinary) {
    if (self.in_message) {
      fail();
      return;
    }
    self.in_message = true;
    self.is_compressed = is_compressed;
    self.is_dropped = false;
    self.coded = 0;
    self.decoded = 0;
    if (is_compressed && self.inflate == nullptr) {
      self.inflate = std::make_unique<Inflate>();
    }
    sink_->on_message_begin(direction, opcode == kText);
  } else if (opcode == kContinuation) {
    if (!self.in_message || is_compressed) {
      fail();
    }
  } else if ((opcode == kClose || opcode == kPing || opcode == kPong) && !is_compressed &&
             self.is_final && self.left <= kMaxControlBytes) {
    self.is_closed = opcode == kClose;
  } else {
    fail();
  }
}

void ConnectionReader::read_payload(Direction direction, Bytes piece) {
  Half& self = half(direction);
  if (!self.is_masked) {
    on_data(direction, piece);
    return;
  }
  std::array<std::uint8_t, kPieceBytes> plain;
  while (!piece.empty() && !failed_ && !self.is_dropped) {
    const std::size_t n = std::min(piece.size(), plain.size());
    for (std::size_t i = 0; i < n; ++i) {
      plain[i] = piece[i] ^ self.head[(self.mask_at + i) % 4];
    }
    self.mask_at = (self.mask_at + n) % 4;
    on_data(direction, Bytes(plain).first(n));
    piece = piece.subspan(n);
  }
}

void ConnectionReader::on_data(Direction direction, Bytes piece) {
  if (half(direction).is_compressed) {
    inflate(direction, piece);
  } else {
    sink_->on_message_data(direction, piece);
  }
}

void ConnectionReader::inflate(Direction direction, Bytes piece) {
  Half& self = half(direction);
  self.coded += piece.size();
  bool is_too_large = false;
  const bool is_good = self.inflate->run(piece, [&](Bytes out) {
    self.decoded += out.size();
    is_too_large = self.decoded > kMaxDecodedBytes ||
                   (self.decoded > kRatioGrace && self.decoded / kMaxRatio > self.coded);
    if (!is_too_large) {
      sink_->on_message_data(direction, out);
    }
    return !is_too_large;
  });
  if (is_good) {
    return;
  }
  const bool forgets = direction == Direction::client ? deflate_.client_no_context_takeover
                                                      : deflate_.server_no_context_takeover;
  if (is_too_large && forgets) {
    self.is_dropped = true;
  } else {
    fail();
  }
}

void ConnectionReader::end_frame(Direction direction) {
  Half& self = half(direction);
  self.in_payload = false;
  if (self.is_control || !self.is_final) {
    return;
  }
  if (self.is_compressed) {
    if (!self.is_dropped) {
      inflate(direction, kTail);
      if (failed_) {
        return;
      }
    }
    if (direction == Direction::client ? deflate_.client_no_context_takeover
                                       : deflate_.server_no_context_takeover) {
      self.inflate->forget();
    }
  }
  self.in_message = false;
  sink_->on_message_end(direction, self.is_dropped ? MessageEnd::dropped : MessageEnd::complete);
  self.is_dropped = false;
}

void ConnectionReader::fail() {
  failed_ = true;
  client_.inflate.reset();
  server_.inflate.reset();
}

}  // namespace agp::websocket
