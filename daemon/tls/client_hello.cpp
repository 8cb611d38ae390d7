#include "daemon/tls/client_hello.h"

#include "common/config/values.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <set>
#include <utility>

namespace agp::tls {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kMaxRecord = 1U << 14U;

constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kEncryptedClientHello = 0xFE0D;

// Reads TLS presentation language. After the first short read everything reads as empty and
// is_good() is false, so that callers check once.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}

  std::size_t number(std::size_t octets) {
    std::size_t value = 0;
    for (const auto octet : take(octets)) {
      value = value << 8U | octet;
    }
    return value;
  }
  Bytes take(std::size_t size) {
    if (size > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  /// A vector with a length of `octets` octets before it.
  Bytes vector(std::size_t octets) { return take(number(octets)); }

  [[nodiscard]] bool is_good() const { return is_good_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

 private:
  Bytes rest_;
  bool is_good_ = true;
};

bool is_grease(std::size_t value) {
  // RFC 8701: 0x0A0A, 0x1A1A … 0xFAFA.
  return (value & 0x0F0FU) == 0x0A0AU && value >> 8U == (value & 0xFFU);
}

// The last label of a DNS name is never all digits, and a colon is never in one.
bool looks_like_address(std::string_view name) {
  const auto last = name.substr(name.rfind('.') + 1);
  return name.find(':') != std::string_view::npos ||
         (!last.empty() &&
          std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

/// Each reader answers what is wrong, or null.
using Complaint = const char*;

Complaint read_server_name(Bytes body, ClientHello& hello) {
  Cursor cursor(body);
  Cursor names(cursor.vector(2));
  if (!cursor.is_good() || !cursor.is_at_end() || names.is_at_end()) {
    return "server_name list";
  }
  bool has_host_name = false;
  while (names.is_good() && !names.is_at_end()) {
    const auto type = names.number(1);
    const auto name = names.vector(2);
    // host_name is the only type there is, and RFC 6066 allows one name of each type.
    if (!names.is_good() || type != 0 || std::exchange(has_host_name, true)) {
      return "server_name entry";
    }
    auto normal = config::normal_host_name(as_text(name));
    if (!normal && !looks_like_address(as_text(name))) {
      return "server_name is not a host name";
    }
    hello.has_address_as_name = !normal;
    hello.server_name = std::move(normal);
  }
  return nullptr;
}

Complaint read_alpn(Bytes body, ClientHello& hello) {
  Cursor cursor(body);
  Cursor names(cursor.vector(2));
  if (!cursor.is_good() || !cursor.is_at_end() || names.is_at_end()) {
    return "ALPN list";
  }
  while (!names.is_at_end()) {
    const auto name = names.vector(1);
    if (!names.is_good() || name.empty()) {
      return "ALPN entry";
    }
    hello.alpn.emplace_back(as_text(name));
  }
  return nullptr;
}

Complaint read_versions(Bytes body, ClientHello& hello) {
  Cursor cursor(body);
  Cursor versions(cursor.vector(1));
  if (!cursor.is_good() || !cursor.is_at_end() || versions.is_at_end()) {
    return "supported_versions list";
  }
  hello.versions.clear();
  while (!versions.is_at_end()) {
    const auto version = versions.number(2);
    if (!versions.is_good()) {
      return "supported_versions entry";
    }
    if (!is_grease(version)) {
      hello.versions.push_back(static_cast<std::uint16_t>(version));
    }
  }
  return nullptr;
}

Complaint read_extension(std::size_t type, Bytes body, ClientHello& hello) {
  switch (type) {
    case kServerName:
      return read_server_name(body, hello);
    case kAlpn:
      return read_alpn(body, hello);
    case kSupportedVersions:
      return read_versions(body, hello);
    case kEncryptedClientHello:
      hello.has_ech = true;
      return nullptr;
    default:
      return nullptr;
  }
}

Complaint read_hello(Bytes body, ClientHello& hello) {
  Cursor cursor(body);
  hello.versions = {static_cast<std::uint16_t>(cursor.number(2))};
  (void)cursor.take(32);  // random
  const auto session = cursor.vector(1);
  const auto suites = cursor.vector(2);
  const auto compressions = cursor.vector(1);
  if (!cursor.is_good() || session.size() > 32 || suites.empty() || suites.size() % 2 != 0 ||
      compressions.empty()) {
    return "fixed part";
  }
  if (cursor.is_at_end()) {
    return nullptr;  // before TLS 1.2 a hello might have no extensions
  }
  Cursor extensions(cursor.vector(2));
  if (!cursor.is_good() || !cursor.is_at_end()) {
    return "extensions";
  }
  std::set<std::size_t> seen;
  while (!extensions.is_at_end()) {
    const auto type = extensions.number(2);
    const auto content = extensions.vector(2);
    if (!extensions.is_good()) {
      return "extension";
    }
    if (!seen.insert(type).second) {
      return "repeated extension";
    }
    if (const auto complaint = read_extension(type, content, hello)) {
      return complaint;
    }
  }
  return nullptr;
}

}  // namespace

Result<ClientHelloReader::Progress> ClientHelloReader::fail(Errc errc, const char* what) {
  state_ = State::failed;
  error_ = Error(errc, what);
  message_ = {};
  return error_;
}

Result<ClientHelloReader::Progress> ClientHelloReader::feed(Bytes bytes) {
  if (state_ == State::failed) {
    return error_;
  }
  while (state_ == State::records && !bytes.empty()) {
    // Octet by octet through the header, so that an error is seen at the same octet however the
    // stream was split; the payload goes in one piece.
    if (record_left_ == 0) {
      header_.push_back(bytes.front());
      bytes = bytes.subspan(1);
      ++total_;
    } else {
      const auto size = std::min({bytes.size(), record_left_, limit_bytes_ + 1 - total_});
      append(message_, bytes.first(size));
      bytes = bytes.subspan(size);
      record_left_ -= size;
      total_ += size;
    }
    if (auto progress = advance(); !progress) {
      return progress;
    }
  }
  return state_ == State::done ? Progress::done : Progress::need_more;
}

Result<ClientHelloReader::Progress> ClientHelloReader::advance() {
  // Each field is checked as soon as it is whole: something else than TLS must not wait for the
  // deadline.
  const bool is_first_record = message_.empty() && record_left_ == 0;
  if (header_.size() == 1 && header_[0] != kHandshakeRecord) {
    // 0x80 would be an SSLv2 hello, which RFC 6176 retired.
    return fail(is_first_record ? Errc::not_tls : Errc::malformed, "record type");
  }
  if (header_.size() == 2 && header_[1] != 3) {
    return fail(is_first_record ? Errc::not_tls : Errc::malformed, "record version");
  }
  if (header_.size() == kRecordHeader) {
    record_left_ = static_cast<std::size_t>(header_[3]) << 8U | header_[4];
    header_.clear();
    if (record_left_ == 0 || record_left_ > kMaxRecord) {
      return fail(Errc::malformed, "record length");
    }
  }
  if (!message_.empty() && message_[0] != kClientHelloMessage) {
    return fail(Errc::malformed, "first message is not a ClientHello");
  }
  if (message_.size() >= kMessageHeader) {
    Cursor cursor(message_);
    (void)cursor.number(1);
    const auto length = cursor.number(3);
    if (length > limit_bytes_) {
      return fail(Errc::too_large, "message length");
    }
    if (message_.size() >= kMessageHeader + length && total_ <= limit_bytes_) {
      if (const auto complaint =
              read_hello(Bytes(message_).subspan(kMessageHeader, length), hello_)) {
        return fail(Errc::malformed, complaint);
      }
      state_ = State::done;
      message_ = {};
      return Progress::done;
    }
  }
  if (total_ > limit_bytes_) {
    return fail(Errc::too_large, "handshake records");
  }
  return Progress::need_more;
}

}  // namespace agp::tls
