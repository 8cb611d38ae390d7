#include "daemon/http1/reader.h"

#include "daemon/http1/limits.h"

#include <algorithm>
#include <optional>

#include <string.h>

namespace agp::http1 {
namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

/// Takes the next line off `text`, without its LF or CRLF.
std::string_view take_line(std::string_view* text) {
  const std::size_t at = text->find('\n');
  std::string_view line = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return line;
}

/// Where the head ends (behind its empty line), searching from `from`; nothing when it goes on.
std::optional<std::size_t> find_head_end(Bytes in, std::size_t from) {
  const std::string_view text = as_text(in);
  for (std::size_t at = text.find('\n', from); at != std::string_view::npos;
       at = text.find('\n', at + 1)) {
    if (at + 1 < text.size() && text[at + 1] == '\n') {
      return at + 2;
    }
    if (at + 2 < text.size() && text[at + 1] == '\r' && text[at + 2] == '\n') {
      return at + 3;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 18) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  if (text.empty() || text.size() > 15) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

bool is_version(std::string_view text) {
  return text == "HTTP/1.1" || text == "HTTP/1.0";
}

struct Framing {
  bool has_transfer_encoding = false;
  bool chunked = false;  // chunked is the last transfer coding
  std::optional<std::uint64_t> length;
};

/// @return nothing when the lengths contradict each other or are no numbers.
std::optional<Framing> read_framing(std::span<const Field> fields) {
  Framing framing;
  bool bad_length = false;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, "transfer-encoding")) {
      framing.has_transfer_encoding = true;
      const std::size_t comma = field.value.rfind(',');
      const std::string_view last =
          comma == std::string_view::npos ? field.value : field.value.substr(comma + 1);
      framing.chunked = equals_ignoring_case(trim(last), "chunked");
    } else if (equals_ignoring_case(field.name, "content-length")) {
      // "5, 5" is one value that was merged on the way, RFC 9112 section 6.3.
      std::string_view rest = field.value;
      while (true) {
        const std::size_t comma = rest.find(',');
        const auto value = parse_decimal(trim(rest.substr(0, comma)));
        if (!value || (framing.length && *framing.length != *value)) {
          bad_length = true;
        }
        framing.length = value;
        if (comma == std::string_view::npos) {
          break;
        }
        rest.remove_prefix(comma + 1);
      }
    }
  }
  if (framing.has_transfer_encoding) {
    framing.length.reset();  // Transfer-Encoding beats Content-Length, even a broken one.
    return framing;
  }
  if (bad_length) {
    return std::nullopt;
  }
  return framing;
}

}  // namespace

std::string_view Head::field(std::string_view name) const {
  for (const Field& candidate : fields) {
    if (equals_ignoring_case(candidate.name, name)) {
      return candidate.value;
    }
  }
  return {};
}

std::string Head::codings() const {
  std::string list;
  for (const std::string_view name : {"content-encoding", "transfer-encoding"}) {
    for (const Field& candidate : fields) {
      if (equals_ignoring_case(candidate.name, name) && !candidate.value.empty()) {
        list.append(list.empty() ? "" : ", ").append(candidate.value);
      }
    }
  }
  const std::size_t comma = list.rfind(',');
  const std::size_t last = comma == std::string::npos ? 0 : comma + 1;
  if (equals_ignoring_case(trim(std::string_view(list).substr(last)), "chunked")) {
    list.resize(comma == std::string::npos ? 0 : comma);
  }
  return list;
}

ConnectionReader::ConnectionReader(Sink* sink) : sink_(sink) {}

void ConnectionReader::feed(Direction direction, Bytes bytes) {
  while (!bytes.empty() && !failed_ && !upgraded_) {
    Half& self = half(direction);
    if (self.state == State::ended || self.state == State::waiting) {
      // Octets behind a CONNECT, before its answer: too late to read them as anything.
      fail();
      return;
    }
    const std::size_t used = step(direction, bytes);
    bytes = bytes.subspan(used);
  }
}

void ConnectionReader::finish(Direction direction, bool clean) {
  if (failed_ || upgraded_) {
    return;
  }
  Half& self = half(direction);
  const State was = self.state;
  if (direction == Direction::response && was != State::ended && was != State::head) {
    end_message(direction,
                was == State::until_close && clean ? BodyEnd::complete : BodyEnd::truncated);
  }
  self.state = State::ended;
  self.pending = Buffer();
}

std::uint64_t ConnectionReader::open_octets(Direction direction) const {
  return direction == Direction::request ? request_.octets : response_.octets;
}

ConnectionReader::Half& ConnectionReader::half(Direction direction) {
  return direction == Direction::request ? request_ : response_;
}

/// Consumes at least one octet of `in`.
std::size_t ConnectionReader::step(Direction direction, Bytes in) {
  Half& self = half(direction);
  std::string_view line;
  switch (self.state) {
    case State::head:
      return read_head(direction, in);
    case State::until_close:
      self.octets += in.size();
      body(direction, in);
      return in.size();
    case State::length: {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(self.left, in.size()));
      self.octets += n;
      self.left -= n;
      body(direction, in.first(n));
      if (self.left == 0) {
        end_message(direction, BodyEnd::complete);
      }
      return n;
    }
    case State::chunk_size: {
      const std::size_t n = read_line(&self, in, &line);
      if (line.data() == nullptr) {
        return n;
      }
      // Extensions follow a semicolon and mean nothing to us.
      const auto size = parse_hex(trim(line.substr(0, line.find(';'))));
      self.pending.clear();
      if (!size) {
        fail();
        return n;
      }
      self.left = *size;
      self.trailer_bytes = 0;
      self.state = *size == 0 ? State::trailer : State::chunk_data;
      return n;
    }
    case State::chunk_data: {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(self.left, in.size()));
      self.octets += n;
      self.left -= n;
      if (self.left == 0) {
        self.state = State::chunk_end;
      }
      body(direction, in.first(n));
      return n;
    }
    case State::chunk_end: {
      if (self.pending.empty() && in[0] != '\r' && in[0] != '\n') {
        fail();
        return in.size();
      }
      const std::size_t n = read_line(&self, in, &line);
      if (line.data() == nullptr) {
        return n;
      }
      const bool empty = line.empty();
      self.pending.clear();
      if (!empty) {
        fail();
        return n;
      }
      self.state = State::chunk_size;
      return n;
    }
    case State::trailer: {
      const std::size_t n = read_line(&self, in, &line);
      self.trailer_bytes += n;
      if (self.trailer_bytes > kMaxTrailerBytes) {
        fail();
        return n;
      }
      if (line.data() == nullptr) {
        return n;
      }
      const bool empty = line.empty();
      self.pending.clear();
      if (empty) {
        end_message(direction, BodyEnd::complete);
      }
      return n;
    }
    case State::waiting:
    case State::ended:
      break;
  }
  return in.size();
}

std::size_t ConnectionReader::read_head(Direction direction, Bytes in) {
  Half& self = half(direction);
  if (!self.begun && self.pending.empty()) {
    // Empty lines before a start line are allowed, RFC 9112 section 2.2.
    std::size_t skip = 0;
    while (skip < in.size() && (in[skip] == '\r' || in[skip] == '\n')) {
      ++skip;
    }
    if (skip > 0) {
      return skip;
    }
    if (direction == Direction::response && unanswered_.empty()) {
      fail();  // an answer to nothing: a 408 on an idle connection, or no HTTP at all
      return in.size();
    }
    self.begun = true;
    sink_->on_begin(direction);
  }
  if (self.pending.empty()) {
    if (const auto end = find_head_end(in, 0); end && *end <= kMaxHeadBytes) {
      self.octets += *end;
      if (!parse_head(direction, in.first(*end))) {
        fail();
      }
      return *end;
    }
  }
  // The head spans reads: collect it, and look for its end from shortly before the new octets.
  const std::size_t before = self.pending.size();
  const std::size_t n = std::min(in.size(), kMaxHeadBytes + 1 - before);
  append(self.pending, in.first(n));
  const auto end = find_head_end(self.pending, before < 2 ? 0 : before - 2);
  if (!end || *end > kMaxHeadBytes) {
    if (self.pending.size() > kMaxHeadBytes) {
      fail();
      return n;
    }
    self.octets += n;
    return n;
  }
  const std::size_t used = *end - before;
  self.octets += used;
  const Buffer head = std::move(self.pending);
  self.pending = Buffer();
  if (!parse_head(direction, Bytes(head).first(*end))) {
    fail();
  }
  return used;
}

bool ConnectionReader::parse_head(Direction direction, Bytes octets) {
  std::string_view text = as_text(octets);
  std::string_view start = take_line(&text);
  Head head;
  if (direction == Direction::request) {
    const std::size_t first = start.find(' ');
    const std::size_t last = start.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last <= first ||
        !is_version(start.substr(last + 1))) {
      return false;
    }
    head.method = start.substr(0, first);
    head.target = trim(start.substr(first + 1, last - first - 1));
  } else {
    if (start.size() < 12 || !is_version(start.substr(0, 8)) || start[8] != ' ' ||
        (start.size() > 12 && start[12] != ' ')) {
      return false;
    }
    const auto status = parse_decimal(start.substr(9, 3));
    if (!status || *status < 100) {
      return false;
    }
    head.status = static_cast<std::uint16_t>(*status);
  }
  std::vector<Field> fields;
  while (!text.empty()) {
    const std::string_view line = take_line(&text);
    if (line.empty()) {
      break;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      continue;  // a folded line or nonsense; no field that we need looks like this
    }
    if (fields.size() == kMaxFields) {
      return false;
    }
    fields.push_back({trim(line.substr(0, colon)), trim(line.substr(colon + 1))});
  }
  head.fields = fields;
  half(direction).begun = false;
  return direction == Direction::request ? start_request_body(head) : start_response_body(head);
}

bool ConnectionReader::start_request_body(const Head& head) {
  const auto framing = read_framing(head.fields);
  if (!framing || (framing->has_transfer_encoding && !framing->chunked) ||
      unanswered_.size() == kMaxPipelined) {
    return false;
  }
  Method method = Method::other;
  if (head.method == "HEAD") {
    method = Method::head;
  } else if (head.method == "CONNECT") {
    method = Method::connect;
  }
  unanswered_.push_back(method);
  sink_->on_request(head);
  if (method == Method::connect) {
    end_message(Direction::request, BodyEnd::complete);
    request_.state = State::waiting;
  } else if (framing->chunked) {
    request_.state = State::chunk_size;
  } else if (framing->length.value_or(0) > 0) {
    request_.state = State::length;
    request_.left = *framing->length;
  } else {
    end_message(Direction::request, BodyEnd::complete);
  }
  return true;
}

bool ConnectionReader::start_response_body(const Head& head) {
  if (head.status < 200 && head.status != 101) {
    return true;  // interim: its octets belong to the response that follows
  }
  const Method method = unanswered_.front();
  unanswered_.erase(unanswered_.begin());
  sink_->on_response(head);
  if (head.status == 101 || (method == Method::connect && head.status < 300)) {
    end_message(Direction::response, BodyEnd::complete);
    upgraded_ = true;
    request_.pending = Buffer();
    return true;
  }
  if (method == Method::connect && request_.state == State::waiting) {
    request_.state = State::head;  // refused: the connection speaks HTTP on
  }
  if (method == Method::head || head.status == 204 || head.status == 304) {
    end_message(Direction::response, BodyEnd::complete);
    return true;
  }
  const auto framing = read_framing(head.fields);
  if (!framing) {
    return false;
  }
  if (framing->chunked) {
    response_.state = State::chunk_size;
  } else if (framing->length) {
    if (*framing->length == 0) {
      end_message(Direction::response, BodyEnd::complete);
      return true;
    }
    response_.state = State::length;
    response_.left = *framing->length;
  } else {
    response_.state = State::until_close;
  }
  return true;
}

/// One line up to LF. `line` stays null while the end has not come; else it is borrowed from `in`
/// or from `half->pending`, which the caller clears afterwards.
std::size_t ConnectionReader::read_line(Half* half, Bytes in, std::string_view* line) {
  const void* found = ::memchr(in.data(), '\n', in.size());
  const std::size_t n =
      found == nullptr
          ? in.size()
          : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - in.data()) + 1;
  half->octets += n;
  if (half->pending.size() + n > kMaxLineBytes) {
    fail();
    return n;
  }
  if (found == nullptr) {
    append(half->pending, in);
    return n;
  }
  std::string_view text = as_text(in.first(n));
  if (!half->pending.empty()) {
    append(half->pending, in.first(n));
    text = as_text(half->pending);
  }
  text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') {
    text.remove_suffix(1);
  }
  *line = text;
  return n;
}

void ConnectionReader::body(Direction direction, Bytes piece) {
  if (direction == Direction::request) {
    sink_->on_request_body(piece);
  } else {
    sink_->on_response_body(piece);
  }
}

void ConnectionReader::end_message(Direction direction, BodyEnd how) {
  Half& self = half(direction);
  const std::uint64_t octets = self.octets;
  self = Half();  // also gives the buffer back
  if (direction == Direction::request) {
    sink_->on_request_end(octets);
  } else {
    sink_->on_response_end(octets, how);
  }
}

void ConnectionReader::fail() {
  failed_ = true;
  request_.pending = Buffer();
  response_.pending = Buffer();
  unanswered_ = {};
}

}  // namespace agp::http1
