#include "daemon/ls/envelope.h"

#include "daemon/ls/connect_error.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <utility>

#include <boost/json/parse.hpp>

namespace agp::ls {
namespace {

constexpr std::size_t kHead = 5;
constexpr unsigned kCompressed = 0x01;
constexpr unsigned kEnd = 0x02;

}  // namespace

std::string envelope(std::string_view message) {
  assert(message.size() <= std::numeric_limits<std::uint32_t>::max());
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string out(1, '\0');
  for (const int shift : {24, 16, 8, 0}) {
    out += static_cast<char>(static_cast<unsigned char>(size >> shift));
  }
  return out.append(message);
}

Result<> EnvelopeReader::feed(Bytes bytes) {
  std::string_view in = as_text(bytes);
  const auto take = [&in](std::string* into, std::size_t wanted) {
    const std::size_t n = std::min(wanted - into->size(), in.size());
    into->append(in.substr(0, n));
    in.remove_prefix(n);
    return into->size() == wanted;
  };
  while (!error_ && !in.empty()) {
    if (is_ended_) {
      return fail({Errc::bad_answer, "something follows the end of the stream"});
    }
    if (head_.size() < kHead) {
      if (!take(&head_, kHead)) {
        break;
      }
      if (auto ok = on_head(); !ok) {
        return ok;
      }
    }
    if (take(&payload_, size_)) {
      if (auto ok = on_frame(); !ok) {
        return ok;
      }
    }
  }
  return error_ ? Result<>(*error_) : Result<>();
}

std::optional<std::string> EnvelopeReader::next_message() {
  if (messages_.empty()) {
    return std::nullopt;
  }
  std::string out = std::move(messages_.front());
  messages_.pop_front();
  return out;
}

Result<> EnvelopeReader::outcome() const {
  if (error_ || end_error_) {
    return error_ ? *error_ : *end_error_;
  }
  return is_ended_ ? Result<>() : Error{Errc::unreachable, "the stream was cut short"};
}

Result<> EnvelopeReader::fail(Error error) {
  error_ = std::move(error);
  return *error_;
}

Result<> EnvelopeReader::on_head() {
  const auto octet = [this](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(head_[i]));
  };
  const std::uint32_t flags = octet(0);
  if ((flags & kCompressed) != 0) {
    return fail({Errc::bad_answer, "a compressed message, which was not asked for"});
  }
  if ((flags & ~kEnd) != 0) {
    return fail({Errc::bad_answer, "a message with unknown flags"});
  }
  size_ = octet(1) << 24 | octet(2) << 16 | octet(3) << 8 | octet(4);
  if (size_ > limit_) {
    return fail({Errc::too_large, "a message of " + std::to_string(size_) + " octets"});
  }
  return {};
}

Result<> EnvelopeReader::on_frame() {
  std::string payload = std::exchange(payload_, {});
  const bool is_end = head_[0] != 0;
  head_.clear();
  if (is_end) {
    return on_end(payload);
  }
  messages_.push_back(std::move(payload));
  return {};
}

/// `{}`, or `{"error":{…}}`; there may be metadata as well.
Result<> EnvelopeReader::on_end(std::string_view payload) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({payload.data(), payload.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return fail({Errc::bad_answer, "the end of the stream is not JSON"});
  }
  is_ended_ = true;
  if (const auto* error = object_at(*object, "error")) {
    end_error_ = connect_error(*error, "stream");
  }
  return {};
}

}  // namespace agp::ls
