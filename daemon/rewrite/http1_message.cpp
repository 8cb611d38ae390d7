#include "daemon/rewrite/http1_message.h"

#include "daemon/rewrite/limits.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace agp::rewrite {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Octets up to and with the next line feed, or all.
std::size_t line_part(Bytes in, bool* ends) {
  const void* found = std::memchr(in.data(), '\n', in.size());
  *ends = found != nullptr;
  return *ends ? static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - in.data()) + 1
               : in.size();
}

bool is_target(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet < 0x7f && c != '#';
  });
}

Fault fault(unsigned status, std::string_view code, std::string_view message) {
  return {status, code, message};
}

/// The fields that frame a body, read the one way in which nobody can differ.
BodyShape framing_of(const Head& head, unsigned status) {
  BodyShape shape;
  const std::size_t lengths = count(head.fields, "content-length");
  const std::size_t codings = count(head.fields, "transfer-encoding");
  if (codings > 0 && lengths > 0) {
    shape.fault = fault(status, "length_and_transfer_encoding",
                        "Content-Length and Transfer-Encoding in one message.");
  } else if (codings > 1) {
    shape.fault = fault(status, "repeated_transfer_encoding", "More than one Transfer-Encoding.");
  } else if (lengths > 1) {
    shape.fault = fault(status, "repeated_length", "More than one Content-Length.");
  } else if (codings == 1) {
    const Field& field = *find(head.fields, "transfer-encoding");
    if (head.minor == 0) {
      shape.fault =
          fault(status, "transfer_encoding_in_1_0", "Transfer-Encoding in an HTTP/1.0 message.");
    } else if (field.odd_space || !same_name(field.value, "chunked")) {
      shape.fault = fault(status, "bad_transfer_encoding",
                          "Transfer-Encoding is something else than exactly \"chunked\".");
    }
    shape.framing = Framing::chunked;
  } else if (lengths == 1) {
    const Field& field = *find(head.fields, "content-length");
    if (field.odd_space || !is_digits(field.value) || field.value.size() > kMaxLengthDigits) {
      shape.fault = fault(status, "bad_length", "Content-Length is not a plain decimal number.");
    } else {
      (void)std::from_chars(field.value.data(), field.value.data() + field.value.size(),
                            shape.length);
      shape.framing = shape.length == 0 ? Framing::none : Framing::length;
    }
  }
  return shape;
}

}  // namespace

std::size_t HeadReader::feed(Bytes in) {
  std::size_t used = 0;
  while (used < in.size() && !done_ && !fault_) {
    touched_ = true;
    bool ends = false;
    const Bytes part = in.subspan(used, line_part(in.subspan(used), &ends));
    line_ += as_text(part);
    used += part.size();
    if (!ends) {
      // The last octet may be the CR of the line's end.
      check_size(line_.size() - 1);
      continue;
    }
    std::string text = std::move(line_);
    line_.clear();
    text.pop_back();
    check_size(text.empty() || text.back() != '\r' ? text.size() : text.size() - 1);
    if (fault_) {
      break;
    }
    if (text.empty() || text.back() != '\r') {
      fail(400, "bare_lf", "A line ends with LF alone.");
      break;
    }
    text.pop_back();
    line(text);
  }
  return used;
}

void HeadReader::check_size(std::size_t length) {
  if (kind_ == Kind::trailer) {
    if (field_bytes_ + length > kMaxTrailerBytes) {
      fail(431, "trailers_too_large", "The trailer fields are larger than 16 KiB.");
    }
  } else if (in_start_line_) {
    if (length > kMaxStartLineBytes) {
      fail(414, "start_line_too_long", "The first line is longer than 8 KiB.");
    }
  } else if (length > kMaxFieldLineBytes) {
    fail(431, "field_too_long", "A header line is longer than 16 KiB.");
  } else if (field_bytes_ + length > kMaxFieldBytes) {
    fail(431, "fields_too_large", "The header fields are larger than 64 KiB.");
  }
}

void HeadReader::line(std::string_view text) {
  if (text.find('\r') != std::string_view::npos) {
    return fail(400, "bare_cr", "A CR that ends no line.");
  }
  if (text.find('\0') != std::string_view::npos) {
    return fail(400, "nul", "A NUL octet in the head.");
  }
  if (in_start_line_) {
    in_start_line_ = false;
    kind_ == Kind::request ? start_line(text) : status_line(text);
  } else if (text.empty()) {
    done_ = true;
  } else {
    field_line(text);
  }
}

void HeadReader::start_line(std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t last = text.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return fail(400, "bad_request_line", "The first line is no \"METHOD TARGET HTTP/1.1\".");
  }
  const std::string_view method = text.substr(0, first);
  const std::string_view target = text.substr(first + 1, last - first - 1);
  const std::string_view version = text.substr(last + 1);
  if (!is_token(method) || !is_target(target)) {
    return fail(400, "bad_request_line", "The first line is no \"METHOD TARGET HTTP/1.1\".");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool is_version = version.size() == 8 && version.starts_with("HTTP/") &&
                            is_digits(version.substr(5, 1)) && version[6] == '.' &&
                            is_digits(version.substr(7));
    return is_version
               ? fail(505, "bad_version", "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
               : fail(400, "bad_request_line", "The first line is no \"METHOD TARGET HTTP/1.1\".");
  }
  head_.method = method;
  head_.target = target;
  head_.minor = version.back() == '1' ? 1 : 0;
}

void HeadReader::status_line(std::string_view text) {
  const bool is_status = text.size() >= 12 &&
                         (text.starts_with("HTTP/1.1 ") || text.starts_with("HTTP/1.0 ")) &&
                         is_digits(text.substr(9, 3)) && text[9] != '0' &&
                         (text.size() == 12 || text[12] == ' ') && is_field_value(text);
  if (!is_status) {
    return fail(502, "bad_status_line", "The answer's first line is no HTTP/1.1 status line.");
  }
  head_.minor = text[7] == '1' ? 1 : 0;
  (void)std::from_chars(text.data() + 9, text.data() + 12, head_.status);
  head_.reason = text.size() > 13 ? text.substr(13) : std::string_view();
}

void HeadReader::field_line(std::string_view text) {
  field_bytes_ += text.size() + 2;
  if (head_.fields.size() == kMaxFields) {
    return fail(431, "too_many_fields", "More than 100 header fields.");
  }
  if (text.front() == ' ' || text.front() == '\t') {
    return fail(400, "folded_field", "A header field is continued on a second line.");
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return fail(400, "bad_field", "A header line without a colon.");
  }
  const std::string_view name = text.substr(0, colon);
  if (!is_token(name)) {
    const bool space = !name.empty() && (name.back() == ' ' || name.back() == '\t');
    return space
               ? fail(400, "space_before_colon", "White space between a field name and its colon.")
               : fail(400, "bad_field_name", "A header field's name has characters of no token.");
  }
  const std::string_view raw = text.substr(colon + 1);
  if (!is_field_value(raw)) {
    return fail(400, "bad_field_value", "A header field's value has a control character.");
  }
  if (kind_ == Kind::trailer && is_forbidden_trailer(name)) {
    return fail(400, "bad_trailer", "A trailer field that may only come before the body.");
  }
  const std::string_view value = trimmed(raw);
  const bool odd =
      raw.find('\t') != std::string_view::npos || (!value.empty() && (raw.back() == ' '));
  head_.fields.push_back({std::string(name), std::string(value), odd});
}

void HeadReader::fail(unsigned status, std::string_view code, std::string_view message) {
  if (!fault_) {
    fault_ = Fault{kind_ == Kind::response ? 502U : status, code, message};
  }
}

BodyShape request_body_shape(const Head& head) {
  return framing_of(head, 400);
}

BodyShape response_body_shape(const Head& head, bool answers_head) {
  BodyShape shape = framing_of(head, 502);
  if (shape.fault) {
    return shape;
  }
  if (answers_head || head.status < 200 || head.status == 204 || head.status == 304) {
    shape.framing = Framing::none;
  } else if (shape.framing == Framing::none && find(head.fields, "content-length") == nullptr) {
    shape.framing = Framing::until_close;
  }
  return shape;
}

BodyReader::BodyReader(const BodyShape& shape, unsigned fault_status)
    : fault_status_(fault_status), left_(shape.length) {
  switch (shape.framing) {
    case Framing::none:
      state_ = State::done;
      break;
    case Framing::length:
      state_ = State::length;
      break;
    case Framing::chunked:
      state_ = State::chunk_size;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

BodyReader::Step BodyReader::next(Bytes in) {
  if (in.empty() || fault_) {
    return {};
  }
  switch (state_) {
    case State::until_close:
      return {in.size(), in};
    case State::length:
    case State::chunk_data: {
      const Bytes data =
          in.first(static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), left_)));
      left_ -= data.size();
      if (left_ == 0) {
        state_ = state_ == State::length ? State::done : State::chunk_cr;
      }
      return {data.size(), data};
    }
    case State::chunk_size:
      return {read_size_line(in), {}};
    case State::chunk_cr:
    case State::chunk_lf:
      if (in.front() != (state_ == State::chunk_cr ? '\r' : '\n')) {
        fail("bad_chunk_end", "A chunk is longer than its size says.");
        return {};
      }
      state_ = state_ == State::chunk_cr ? State::chunk_lf : State::chunk_size;
      return {1, {}};
    case State::trailers:
      return {read_trailers(in), {}};
    case State::done:
      return {};
  }
  return {};
}

std::size_t BodyReader::read_size_line(Bytes in) {
  bool ends = false;
  const std::size_t used = line_part(in, &ends);
  line_ += as_text(in.first(used));
  const std::size_t end_bytes = ends ? (line_.ends_with("\r\n") ? 2 : 1) : 1;
  if (line_.size() - end_bytes > kMaxChunkLineBytes) {
    fail("chunk_line_too_long", "A chunk-size line is longer than 4 KiB.");
  } else if (ends) {
    const std::string text = std::move(line_);
    line_.clear();
    size_line(text);
  }
  return used;
}

void BodyReader::size_line(std::string_view text) {
  if (!text.ends_with("\r\n")) {
    return fail("bare_lf", "A chunk-size line ends with LF alone.");
  }
  text.remove_suffix(2);
  if (!is_field_value(text)) {
    return fail("bad_chunk_line", "A chunk-size line has a control character.");
  }
  const std::string_view digits = text.substr(0, text.find(';'));
  if (digits.empty() || digits.size() > kMaxChunkDigits ||
      digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return fail("bad_chunk_size", "A chunk size is no hexadecimal number of at most 15 digits.");
  }
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
}

std::size_t BodyReader::read_trailers(Bytes in) {
  const std::size_t used = trailer_reader_.feed(in);
  if (trailer_reader_.fault()) {
    fault_ = trailer_reader_.fault();
    fault_->status = fault_status_ == 502 ? 502 : fault_->status;
  } else if (trailer_reader_.is_done()) {
    trailers_ = trailer_reader_.take().fields;
    state_ = State::done;
  }
  return used;
}

void BodyReader::fail(std::string_view code, std::string_view message) {
  fault_ = Fault{fault_status_, code, message};
}

void append_body(Buffer& to, Framing framing, Bytes data) {
  if (data.empty()) {
    return;
  }
  if (framing != Framing::chunked) {
    append(to, data);
    return;
  }
  char size[18];
  char* end = std::to_chars(size, size + 16, data.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  append(to, as_bytes({size, static_cast<std::size_t>(end - size)}));
  append(to, data);
  append(to, as_bytes("\r\n"));
}

void append_body_end(Buffer& to, Framing framing, const Fields& trailers) {
  if (framing != Framing::chunked) {
    return;
  }
  append(to, as_bytes("0\r\n"));
  append_fields(to, trailers);
  append(to, as_bytes("\r\n"));
}

void append_fields(Buffer& to, const Fields& fields) {
  for (const Field& field : fields) {
    append(to, as_bytes(field.name));
    append(to, as_bytes(": "));
    append(to, as_bytes(field.value));
    append(to, as_bytes("\r\n"));
  }
}

}  // namespace agp::rewrite
