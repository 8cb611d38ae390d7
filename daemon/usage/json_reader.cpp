#include "daemon/usage/json_reader.h"

#include "daemon/usage/json_scan.h"

#include <algorithm>

namespace agp::usage {
namespace {

bool is_space(std::uint8_t c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

JsonReader::JsonReader(JsonHandler* handler) : handler_(handler) {}

void JsonReader::reset() {
  state_ = State::value;
  depth_ = 0;
  scratch_.clear();
  high_surrogate_ = 0;
  holes_ = nullptr;
}

JsonReader::Status JsonReader::feed(Bytes in) {
  const std::uint8_t* at = in.data();
  const std::uint8_t* const end = at + in.size();
  while (at != end) {
    switch (state_) {
      case State::string:
        at = read_string(at, end);
        continue;
      case State::escape:
        read_escape(*at++);
        continue;
      case State::hex:
        read_hex(*at++);
        continue;
      case State::number:
        if (is_number_octet(*at)) {
          if (scratch_.size() <= kMaxNumberBytes) {
            scratch_.push_back(static_cast<char>(*at));
          }
          ++at;
        } else {
          end_number();
        }
        continue;
      case State::literal:
        if (*at >= 'a' && *at <= 'z' && scratch_.size() < 6) {
          scratch_.push_back(static_cast<char>(*at));
          ++at;
        } else {
          end_literal();
        }
        continue;
      case State::failed:
        return Status::failed;
      case State::value:
      case State::first_element:
      case State::first_key:
      case State::key:
      case State::colon:
      case State::after_value:
      case State::done:
        break;
    }
    at = read_structure(at, end);
  }
  return status();
}

/// Outside of tokens, until one begins or the input ends.
const std::uint8_t* JsonReader::read_structure(const std::uint8_t* at, const std::uint8_t* end) {
  while (at != end && is_outside_tokens()) {
    const std::uint8_t c = *at++;
    if (is_space(c)) {
      continue;
    }
    switch (state_) {
      case State::first_element:
        if (c == ']') {
          pop(false);
          break;
        }
        [[fallthrough]];
      case State::value:
        at = begin_value(c, at, end);
        break;
      case State::first_key:
        if (c == '}') {
          pop(true);
          break;
        }
        [[fallthrough]];
      case State::key:
        if (c != '"') {
          state_ = State::failed;
          break;
        }
        begin_string(true);
        at = read_string(at, end);
        break;
      case State::colon:
        state_ = c == ':' ? State::value : State::failed;
        break;
      case State::after_value:
        if (c == ',') {
          const bool in_object = (is_object_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1) != 0;
          state_ = in_object ? State::key : State::value;
        } else if (c == '}' || c == ']') {
          pop(c == '}');
        } else {
          state_ = State::failed;
        }
        break;
      case State::done:  // something behind the end of the text
        state_ = State::failed;
        break;
      case State::string:
      case State::escape:
      case State::hex:
      case State::number:
      case State::literal:
      case State::failed:
        return at;  // not outside
    }
  }
  return at;
}

JsonReader::Status JsonReader::finish() {
  if (state_ == State::number) {
    end_number();
  } else if (state_ == State::literal) {
    end_literal();
  }
  if (state_ != State::done) {
    state_ = State::failed;
  }
  return status();
}

JsonReader::Status JsonReader::status() const {
  if (state_ == State::failed) {
    return Status::failed;
  }
  return state_ == State::done ? Status::done : Status::reading;
}

/// @param c  the value's first octet; what follows it starts at `at`.
/// @return where reading goes on: behind the token, when all of it is there.
const std::uint8_t* JsonReader::begin_value(std::uint8_t c,
                                            const std::uint8_t* at,
                                            const std::uint8_t* end) {
  if (c == '"') {
    begin_string(false);
    if (!wanted_) {
      note_hole({at, at, kNoNumber});
    }
    return read_string(at, end);
  }
  if (c == '{' || c == '[') {
    push(c == '{');
    return at;
  }
  const bool is_word = c == 't' || c == 'f' || c == 'n';
  if (!is_word && c != '-' && !(c >= '0' && c <= '9')) {
    state_ = State::failed;
    return at;
  }
  // A number or word that ends in this input is not copied. One octet behind it tells that.
  const std::uint8_t* stop = at;
  const std::uint8_t* const most = end - at > 32 ? at + 32 : end;
  while (stop != most && (is_word ? *stop >= 'a' && *stop <= 'z' : is_number_octet(*stop))) {
    ++stop;
  }
  if (stop == most) {
    scratch_.assign(1, static_cast<char>(c));
    state_ = is_word ? State::literal : State::number;
    return at;
  }
  const std::string_view text(reinterpret_cast<const char*>(at - 1),
                              static_cast<std::size_t>(stop - at + 1));
  if (is_word) {
    take_literal(text);
  } else if (is_number(text)) {
    handler_->on_number(text);
    note_hole({at - 1, stop, handler_->number_use()});
    end_value();
  } else {
    state_ = State::failed;
  }
  return stop;
}

void JsonReader::note_hole(JsonHole hole) {
  if (holes_ == nullptr) {
    return;
  }
  if (holes_->size() == kMaxJsonHoles) {
    holes_->clear();  // a text without holes is like itself alone, which is right, too
    holes_ = nullptr;
    return;
  }
  holes_->push_back(hole);
}

void JsonReader::end_value() {
  state_ = depth_ == 0 ? State::done : State::after_value;
}

void JsonReader::push(bool is_object) {
  if (depth_ == kMaxJsonDepth) {
    state_ = State::failed;
    return;
  }
  const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
  if (is_object) {
    is_object_[depth_ / 64] |= bit;
    handler_->on_object_begin();
  } else {
    is_object_[depth_ / 64] &= ~bit;
    handler_->on_array_begin();
  }
  ++depth_;
  state_ = is_object ? State::first_key : State::first_element;
}

void JsonReader::pop(bool is_object) {
  const std::size_t level = depth_ - 1;
  if (((is_object_[level / 64] >> (level % 64) & 1) != 0) != is_object) {
    state_ = State::failed;
    return;
  }
  --depth_;
  if (is_object) {
    handler_->on_object_end();
  } else {
    handler_->on_array_end();
  }
  end_value();
}

void JsonReader::begin_string(bool is_key) {
  is_key_ = is_key;
  wanted_ = is_key || handler_->wants_string();
  in_pieces_ = !is_key && wanted_ && handler_->wants_pieces();
  scratch_.clear();
  high_surrogate_ = 0;
  state_ = State::string;
}

const std::uint8_t* JsonReader::read_string(const std::uint8_t* at, const std::uint8_t* end) {
  if (!wanted_) {
    at = skip_text(at, end);
  }
  while (true) {
    const std::uint8_t* stop = find_special(at, end);
    const std::string_view plain(reinterpret_cast<const char*>(at),
                                 static_cast<std::size_t>(stop - at));
    if (stop != end && *stop == '"') {
      end_string(plain);
      return stop + 1;
    }
    keep(plain);
    if (stop == end) {
      return stop;
    }
    if (*stop != '\\') {
      state_ = State::failed;  // a control character, RFC 8259 section 7
      return stop + 1;
    }
    at = stop + 1;
    if (wanted_ || at == end || *at == 'u') {
      state_ = State::escape;
      return at;
    }
    read_escape(*at++);  // stays in this loop: text is full of \n
    if (state_ != State::string || at == end) {
      return at;
    }
  }
}

void JsonReader::end_string(std::string_view tail) {
  state_ = State::string;
  if (!wanted_) {
    if (holes_ != nullptr) {
      holes_->back().to = as_bytes(tail).data() + tail.size();
    }
    end_value();
    return;
  }
  const std::size_t limit = is_key_ ? kMaxKeyBytes : kMaxStringBytes;
  std::string_view text = tail;
  if (!scratch_.empty() || high_surrogate_ != 0 || in_pieces_) {
    keep(tail);
    flush_surrogate();
    text = scratch_;
  }
  text = text.substr(0, limit);
  if (is_key_) {
    handler_->on_key(text);
    state_ = State::colon;
  } else {
    handler_->on_string(text);
    end_value();
  }
}

void JsonReader::read_escape(std::uint8_t c) {
  state_ = State::string;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      break;
    case 'b':
      c = '\b';
      break;
    case 'f':
      c = '\f';
      break;
    case 'n':
      c = '\n';
      break;
    case 'r':
      c = '\r';
      break;
    case 't':
      c = '\t';
      break;
    case 'u':
      hex_digits_ = 0;
      hex_value_ = 0;
      state_ = State::hex;
      return;
    default:  // an octet, not an enumeration
      state_ = State::failed;
      return;
  }
  const char plain = static_cast<char>(c);
  keep({&plain, 1});
}

void JsonReader::read_hex(std::uint8_t c) {
  std::uint32_t digit = 0;
  if (c >= '0' && c <= '9') {
    digit = c - std::uint32_t{'0'};
  } else if (c >= 'a' && c <= 'f') {
    digit = c - std::uint32_t{'a'} + 10;
  } else if (c >= 'A' && c <= 'F') {
    digit = c - std::uint32_t{'A'} + 10;
  } else {
    state_ = State::failed;
    return;
  }
  hex_value_ = hex_value_ * 16 + digit;
  if (++hex_digits_ < 4) {
    return;
  }
  state_ = State::string;
  if (hex_value_ >= 0xDC00 && hex_value_ <= 0xDFFF && high_surrogate_ != 0) {
    const std::uint32_t high = high_surrogate_;
    high_surrogate_ = 0;
    keep_code_point(0x10000 + ((high - 0xD800) << 10) + (hex_value_ - 0xDC00));
    return;
  }
  flush_surrogate();
  if (hex_value_ >= 0xD800 && hex_value_ <= 0xDBFF) {
    high_surrogate_ = hex_value_;
  } else if (hex_value_ >= 0xDC00 && hex_value_ <= 0xDFFF) {
    keep_code_point(0xFFFD);
  } else {
    keep_code_point(hex_value_);
  }
}

void JsonReader::keep(std::string_view text) {
  if (!wanted_ || text.empty()) {
    return;
  }
  flush_surrogate();
  if (in_pieces_) {
    handler_->on_piece(text);
    return;
  }
  // One octet more than the limit, so that a cut key cannot equal a short one.
  const std::size_t limit = (is_key_ ? kMaxKeyBytes : kMaxStringBytes) + 1;
  scratch_.append(text.substr(0, limit - std::min(limit, scratch_.size())));
}

void JsonReader::keep_code_point(std::uint32_t code) {
  std::array<char, 4> utf8{};
  std::size_t n = 0;
  const auto put = [&](std::uint32_t octet) {
    utf8[n++] = static_cast<char>(octet);
  };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  keep({utf8.data(), n});
}

void JsonReader::flush_surrogate() {
  if (high_surrogate_ != 0) {
    high_surrogate_ = 0;
    keep_code_point(0xFFFD);  // it never found its other half
  }
}

void JsonReader::end_number() {
  const bool is_long = scratch_.size() > kMaxNumberBytes;
  if (!is_long && !is_number(scratch_)) {
    state_ = State::failed;
    return;
  }
  handler_->on_number(is_long ? std::string_view("?") : std::string_view(scratch_));
  end_value();
}

void JsonReader::end_literal() {
  take_literal(scratch_);
}

void JsonReader::take_literal(std::string_view text) {
  if (text == "true" || text == "false") {
    handler_->on_bool();
  } else if (text == "null") {
    handler_->on_null();
  } else {
    state_ = State::failed;
    return;
  }
  end_value();
}

}  // namespace agp::usage
