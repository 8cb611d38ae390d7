#include "daemon/http2/reader.h"

#include "daemon/http2/limits.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <nghttp2/nghttp2.h>

namespace agp::http2 {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHead = 9;
constexpr std::uint32_t kIdMask = 0x7FFFFFFF;

std::uint32_t read_u32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | at[3];
}

bool has(std::uint8_t flags, std::uint8_t flag) {
  return (flags & flag) != 0;
}

/// Octets behind the pad length that are read as a whole.
std::uint32_t prefix_size(std::uint8_t type, std::uint8_t flags) {
  switch (type) {
    case NGHTTP2_HEADERS:
      return has(flags, NGHTTP2_FLAG_PRIORITY) ? 5 : 0;
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_RST_STREAM:
      return 4;
    case NGHTTP2_GOAWAY:
      return 8;
  }
  return 0;
}

bool may_be_padded(std::uint8_t type) {
  return type == NGHTTP2_DATA || type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE;
}

bool carries_fields(std::uint8_t type) {
  return type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE || type == NGHTTP2_CONTINUATION;
}

}  // namespace

void ConnectionReader::Half::release() {
  stream = nullptr;
  block = Block::none;
  fields = FieldList();
  inflater.close();
  table_sizes = {};
}

ConnectionReader::ConnectionReader(Sink* sink)
    : sink_(sink), request_(std::make_unique<Half>()), response_(std::make_unique<Half>()) {
  request_->step = Step::preface;
}

void ConnectionReader::adopt_request(std::unique_ptr<StreamSink> stream) {
  Stream& adopted = streams_[1];
  adopted.sink = std::move(stream);
  adopted.request_ended = true;
  followed_ += adopted.sink != nullptr ? 1 : 0;
  highest_request_ = 1;
}

ConnectionReader::Half& ConnectionReader::half(Direction direction) {
  return direction == Direction::request ? *request_ : *response_;
}

ConnectionReader::Half& ConnectionReader::other(Direction direction) {
  return direction == Direction::request ? *response_ : *request_;
}

bool ConnectionReader::is_idle() const {
  const bool is_between_frames = request_->step != Step::frame_head || request_->small_size == 0;
  return !failed_ && streams_.empty() && request_->block == Block::none && is_between_frames;
}

void ConnectionReader::feed(Direction direction, Bytes bytes) {
  while (!bytes.empty() && !failed_) {
    bytes = bytes.subspan(read(direction, bytes));
  }
}

void ConnectionReader::finish(Direction direction) {
  if (failed_) {
    return;
  }
  if (direction == Direction::response) {
    fail();
    return;
  }
  for (auto& [id, stream] : streams_) {
    if (stream.sink != nullptr) {
      stream.sink->on_client_end(stream.octets);
    }
  }
}

void ConnectionReader::give_up() {
  if (!failed_) {
    fail();
  }
}

/// Consumes at least one octet of `in`.
std::size_t ConnectionReader::read(Direction direction, Bytes in) {
  Half& self = half(direction);
  switch (self.step) {
    case Step::preface: {
      const std::size_t n = std::min(in.size(), kPreface.size() - self.preface_seen);
      if (as_text(in.first(n)) != kPreface.substr(self.preface_seen, n)) {
        fail();
        return in.size();
      }
      self.preface_seen += n;
      if (self.preface_seen == kPreface.size()) {
        self.step = Step::frame_head;
      }
      return n;
    }
    case Step::frame_head: {
      const std::size_t n = std::min(in.size(), kFrameHead - self.small_size);
      std::copy_n(in.begin(), n, self.small.begin() + static_cast<std::ptrdiff_t>(self.small_size));
      self.small_size += n;
      if (self.small_size == kFrameHead) {
        self.small_size = 0;
        on_frame_head(direction);
      }
      return n;
    }
    case Step::pad_length:
      self.wants_pad_length = false;
      self.body_left -= 1;
      if (in[0] > self.body_left || self.prefix_left > self.body_left - in[0]) {
        fail();
        return in.size();
      }
      self.padding_left = in[0];
      self.body_left -= in[0];
      next_part(direction);
      return 1;
    case Step::prefix: {
      const std::size_t n = std::min<std::size_t>(in.size(), self.prefix_left);
      std::copy_n(in.begin(), n, self.small.begin() + static_cast<std::ptrdiff_t>(self.small_size));
      self.small_size += n;
      self.prefix_left -= static_cast<std::uint32_t>(n);
      self.body_left -= static_cast<std::uint32_t>(n);
      if (self.prefix_left == 0) {
        self.small_size = 0;
        next_part(direction);
      }
      return n;
    }
    case Step::body: {
      const std::size_t n = std::min<std::size_t>(in.size(), self.body_left);
      self.body_left -= static_cast<std::uint32_t>(n);
      on_body(direction, in.first(n));
      if (!failed_ && self.body_left == 0) {
        next_part(direction);
      }
      return n;
    }
    case Step::padding: {
      const std::size_t n = std::min<std::size_t>(in.size(), self.padding_left);
      self.padding_left -= static_cast<std::uint32_t>(n);
      if (self.padding_left == 0) {
        next_part(direction);
      }
      return n;
    }
  }
  return in.size();
}

void ConnectionReader::on_frame_head(Direction direction) {
  Half& self = half(direction);
  const std::uint32_t length = read_u32(self.small.data()) >> 8;
  self.type = self.small[3];
  self.flags = self.small[4];
  self.id = read_u32(self.small.data() + 5) & kIdMask;
  // Both sides begin with SETTINGS, RFC 9113 section 3.4; what does not is another protocol.
  const bool is_first = !std::exchange(self.had_frame, true);
  const bool continues = self.type == NGHTTP2_CONTINUATION;
  if ((is_first && self.type != NGHTTP2_SETTINGS) ||
      length > other(direction).max_frame_size ||  // the receiver would end the connection
      continues != (self.block != Block::none) || (continues && self.id != self.block_id)) {
    fail();
    return;
  }
  const bool on_stream =
      self.type == NGHTTP2_DATA || self.type == NGHTTP2_RST_STREAM || carries_fields(self.type);
  const bool on_connection = self.type == NGHTTP2_SETTINGS || self.type == NGHTTP2_GOAWAY;
  if ((on_stream && self.id == 0) || (on_connection && self.id != 0)) {
    fail();
    return;
  }
  self.body_left = length;
  self.padding_left = 0;
  self.wants_pad_length = may_be_padded(self.type) && has(self.flags, NGHTTP2_FLAG_PADDED);
  self.prefix_left = prefix_size(self.type, self.flags);
  self.body_begun = false;
  self.body_ended = false;
  const bool is_acknowledgement =
      self.type == NGHTTP2_SETTINGS && has(self.flags, NGHTTP2_FLAG_ACK);
  if (length < self.prefix_left + (self.wants_pad_length ? 1 : 0) ||
      (self.type == NGHTTP2_RST_STREAM && length != 4) ||
      (self.type == NGHTTP2_SETTINGS && length % 6 != 0) || (is_acknowledgement && length != 0)) {
    fail();
    return;
  }
  if (self.type == NGHTTP2_HEADERS || self.type == NGHTTP2_PUSH_PROMISE) {
    begin_block(direction);
  } else if (self.type == NGHTTP2_CONTINUATION && ++self.continuations > kMaxContinuations) {
    fail();
  }
  if (!failed_) {
    next_part(direction);
  }
}

/// Goes on to the next part of the frame that has octets; empty ones happen here and now.
void ConnectionReader::next_part(Direction direction) {
  Half& self = half(direction);
  if (self.wants_pad_length) {
    self.step = Step::pad_length;
    return;
  }
  if (self.prefix_left > 0) {
    self.step = Step::prefix;
    return;
  }
  if (!std::exchange(self.body_begun, true)) {
    begin_body(direction);
    if (failed_) {
      return;
    }
  }
  if (self.body_left > 0) {
    self.step = Step::body;
    return;
  }
  if (!std::exchange(self.body_ended, true)) {
    end_body(direction);
    if (failed_) {
      return;
    }
  }
  if (self.padding_left > 0) {
    self.step = Step::padding;
    return;
  }
  self.step = Step::frame_head;
  end_frame(direction);
}

void ConnectionReader::begin_body(Direction direction) {
  Half& self = half(direction);
  if (self.type == NGHTTP2_DATA && followed_ > 0) {
    const auto at = streams_.find(self.id);
    self.stream = at != streams_.end() && at->second.sink != nullptr ? &at->second : nullptr;
  } else if (self.type == NGHTTP2_SETTINGS) {
    self.table_size_in_frame = false;
  } else if (self.type == NGHTTP2_PUSH_PROMISE) {
    // What is pushed is a GET that nobody asked for: no model call, but the connection is busy.
    const StreamId promised = read_u32(self.small.data()) & kIdMask;
    if (direction == Direction::response && promised % 2 == 0 && promised > highest_promise_) {
      highest_promise_ = promised;
      streams_[promised].request_ended = true;
      if (streams_.size() > kMaxOpenStreams) {
        fail();
      }
    }
  }
}

void ConnectionReader::on_body(Direction direction, Bytes piece) {
  Half& self = half(direction);
  if (self.type == NGHTTP2_DATA) {
    if (self.stream == nullptr) {
      return;
    }
    if (direction == Direction::request) {
      self.stream->octets.request += piece.size();
      self.stream->sink->on_request_body(piece);
    } else {
      self.stream->octets.response += piece.size();
      self.stream->sink->on_response_body(piece);
    }
  } else if (carries_fields(self.type)) {
    self.block_bytes += piece.size();
    const bool wanted = self.block == Block::request || self.stream != nullptr;
    if (self.block_bytes > kMaxBlockBytes ||
        !self.inflater.feed(piece, false, wanted ? &self.fields : nullptr)) {
      fail();
    }
  } else if (self.type == NGHTTP2_SETTINGS) {
    for (const std::uint8_t octet : piece) {
      self.small[self.small_size++] = octet;
      if (self.small_size == 6) {
        self.small_size = 0;
        on_setting(direction);
        if (failed_) {
          return;
        }
      }
    }
  }
}

void ConnectionReader::end_body(Direction direction) {
  Half& self = half(direction);
  if (!carries_fields(self.type) || !has(self.flags, NGHTTP2_FLAG_END_HEADERS)) {
    return;
  }
  const bool wanted = self.block == Block::request || self.stream != nullptr;
  if (!self.inflater.feed({}, true, wanted ? &self.fields : nullptr)) {
    fail();
  }
}

void ConnectionReader::end_frame(Direction direction) {
  Half& self = half(direction);
  switch (self.type) {
    case NGHTTP2_DATA:
      self.stream = nullptr;
      if (has(self.flags, NGHTTP2_FLAG_END_STREAM)) {
        on_end_stream(direction, self.id);
      }
      break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_CONTINUATION:
      if (has(self.flags, NGHTTP2_FLAG_END_HEADERS)) {
        end_block(direction);
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (const auto at = streams_.find(self.id); at != streams_.end()) {
        end_stream(at, StreamEnd::reset);
      }
      break;
    case NGHTTP2_SETTINGS:
      if (has(self.flags, NGHTTP2_FLAG_ACK)) {
        on_settings_acknowledged(direction);
      } else {
        ++self.settings_sent;  // now, not earlier: nobody can acknowledge half a frame
      }
      break;
    case NGHTTP2_GOAWAY:
      if (direction == Direction::response) {
        on_goaway(read_u32(self.small.data()) & kIdMask);
      }
      break;
    default:  // PRIORITY, PING, WINDOW_UPDATE and types that are not known change nothing here
      break;
  }
}

void ConnectionReader::begin_block(Direction direction) {
  Half& self = half(direction);
  self.block_id = self.id;
  self.block_bytes = 0;
  self.continuations = 0;
  self.block = Block::dropped;
  self.block_ends_stream = self.type == NGHTTP2_HEADERS && has(self.flags, NGHTTP2_FLAG_END_STREAM);
  self.stream = nullptr;
  if (self.type == NGHTTP2_PUSH_PROMISE) {
    return;
  }
  const auto at = streams_.find(self.id);
  if (at == streams_.end()) {
    if (direction == Direction::request && self.id % 2 == 1 && self.id > highest_request_) {
      highest_request_ = self.id;
      self.block = Block::request;
      sink_->on_request_begin();
    }
    return;
  }
  Stream& stream = at->second;
  const bool is_head = direction == Direction::response && !stream.has_response;
  self.block = is_head ? Block::response : Block::trailers;
  if (stream.sink != nullptr) {
    self.stream = &stream;
    if (is_head) {
      stream.sink->on_response_begin();
    }
  }
}

void ConnectionReader::end_block(Direction direction) {
  Half& self = half(direction);
  const Block block = std::exchange(self.block, Block::none);
  Stream* stream = std::exchange(self.stream, nullptr);
  if (block == Block::request) {
    open_request(&self);
    refuse_late_request(self.block_id);
  } else if (stream != nullptr) {
    const Head& head = self.fields.head();
    (direction == Direction::request ? stream->octets.request : stream->octets.response) +=
        self.block_bytes;
    if (block == Block::trailers) {
      stream->sink->on_trailers(direction, head);
    } else if (head.status >= 200 || self.block_ends_stream) {
      stream->has_response = true;
      stream->sink->on_response(head);
    }
  }
  self.fields.clear();
  if (self.block_ends_stream && !failed_) {
    on_end_stream(direction, self.block_id);
  }
}

void ConnectionReader::open_request(Half* self) {
  if (streams_.size() == kMaxOpenStreams) {
    fail();
    return;
  }
  Stream& stream = streams_[self->block_id];
  stream.octets.request = self->block_bytes;
  stream.sink = sink_->on_request(self->block_id, self->fields.head());
  if (stream.sink == nullptr) {
    return;
  }
  ++followed_;
  if (followed_ > kMaxFollowedStreams) {
    stop_following(&stream, StreamEnd::lost);
  }
}

/// Sent before the client had read the GOAWAY: upstream ignores it, so that it never ends.
void ConnectionReader::refuse_late_request(StreamId id) {
  if (const auto at = streams_.find(id); id > lowest_goaway_ && at != streams_.end()) {
    end_stream(at, StreamEnd::refused);
  }
}

/// One entry of SETTINGS. What a side announces governs what the *other* one sends.
void ConnectionReader::on_setting(Direction direction) {
  Half& self = half(direction);
  const unsigned name = static_cast<unsigned>(self.small[0]) << 8 | self.small[1];
  const std::uint32_t value = read_u32(self.small.data() + 2);
  if (name == NGHTTP2_SETTINGS_MAX_FRAME_SIZE) {
    // Never lowered again: frames that were on their way may still have the old size.
    self.max_frame_size = std::max(self.max_frame_size, value);
  } else if (name == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE) {
    if (!std::exchange(self.table_size_in_frame, true)) {
      if (self.table_sizes.size() == kMaxPendingTableSizes) {
        fail();
        return;
      }
      self.table_sizes.push_back({self.settings_sent + 1, value, value});
    }
    self.table_sizes.back().smallest =
        std::min<std::size_t>(self.table_sizes.back().smallest, value);
    self.table_sizes.back().last = value;
    // A larger table is allowed at once: it is up to the encoder to say when it uses it.
    if (!other(direction).inflater.raise_max_table_size(value)) {
      fail();
    }
  }
}

/// The encoder works with the new table size from its acknowledgement on, RFC 9113 section 6.5.3.
void ConnectionReader::on_settings_acknowledged(Direction direction) {
  Half& receiver = other(direction);
  if (receiver.settings_acknowledged == receiver.settings_sent) {
    return;  // nothing to acknowledge: no harm
  }
  ++receiver.settings_acknowledged;
  if (receiver.table_sizes.empty() ||
      receiver.table_sizes.front().settings > receiver.settings_acknowledged) {
    return;
  }
  const TableSize size = receiver.table_sizes.front();
  receiver.table_sizes.erase(receiver.table_sizes.begin());
  if (receiver.table_sizes.empty()) {
    receiver.table_sizes = {};
  }
  Inflater& inflater = half(direction).inflater;
  if (!inflater.set_max_table_size(size.smallest) || !inflater.set_max_table_size(size.last)) {
    fail();
  }
}

/// Upstream has not worked on later streams and will not: the client sends them again elsewhere.
void ConnectionReader::on_goaway(StreamId last) {
  if (last >= lowest_goaway_) {
    return;
  }
  lowest_goaway_ = last;
  if (++goaways_ > kMaxGoaways) {
    fail();
    return;
  }
  for (auto at = streams_.upper_bound(last); at != streams_.end();) {
    const auto next = std::next(at);
    if (at->first % 2 == 1) {
      end_stream(at, StreamEnd::refused);
    }
    at = next;
  }
}

void ConnectionReader::on_end_stream(Direction direction, StreamId id) {
  const auto at = streams_.find(id);
  if (at == streams_.end()) {
    return;
  }
  Stream& stream = at->second;
  if (direction == Direction::response) {
    if (stream.request_ended) {
      end_stream(at, StreamEnd::complete);
    } else {
      stream.response_ended = true;
      stop_following(&stream, StreamEnd::complete);
    }
    return;
  }
  if (stream.request_ended) {
    return;
  }
  stream.request_ended = true;
  if (stream.sink != nullptr) {
    stream.sink->on_request_end();
  } else if (stream.response_ended) {
    streams_.erase(at);
  }
}

void ConnectionReader::end_stream(Streams::iterator at, StreamEnd how) {
  stop_following(&at->second, how);
  streams_.erase(at);
}

void ConnectionReader::stop_following(Stream* stream, StreamEnd how) {
  for (Half* side : {request_.get(), response_.get()}) {
    if (side->stream == stream) {
      side->stream = nullptr;  // the frame under way is skipped from here on
    }
  }
  if (const auto sink = std::exchange(stream->sink, nullptr)) {
    --followed_;
    sink->on_end(how, stream->octets);
  }
}

void ConnectionReader::fail() {
  failed_ = true;
  for (auto& [id, stream] : streams_) {
    if (const auto sink = std::exchange(stream.sink, nullptr)) {
      sink->on_end(StreamEnd::lost, stream.octets);
    }
  }
  followed_ = 0;
  streams_.clear();
  request_->release();
  response_->release();
}

}  // namespace agp::http2
