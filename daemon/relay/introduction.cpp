#include "daemon/relay/introduction.h"

#include <utility>

namespace agp::relay {
namespace {

// RFC 9113 section 3.4.
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Its hello, and a little that follows too early.
constexpr std::size_t kMaxHeld = tls::kMaxClientHelloBytes + (64U << 10U);

}  // namespace

Introduction::Introduction(std::optional<std::string> cleartext_host)
    : cleartext_host_(std::move(cleartext_host)) {
  if (!cleartext_host_) {
    reader_ = std::make_unique<tls::ClientHelloReader>();
  }
}

std::optional<Hello> Introduction::feed(Bytes in) {
  append(octets_, in);
  if (cleartext_host_) {
    return feed_cleartext();
  }
  const auto fed = reader_->feed(in);
  if (!fed) {
    // What the client and the server make of it is their business. Policy decides without a name.
    const bool is_tls = fed.error().code != tls::Errc::not_tls;
    reader_.reset();
    return Hello{is_tls ? Hello::Why::malformed : Hello::Why::not_tls, std::nullopt};
  }
  if (*fed != tls::ClientHelloReader::Progress::done) {
    return std::nullopt;
  }
  const tls::ClientHello& read = reader_->hello();
  offers_ = read.alpn;
  Hello hello{Hello::Why::named, read.server_name};
  if (read.has_ech) {
    hello.why = Hello::Why::ech;
  } else if (read.has_address_as_name) {
    hello.why = Hello::Why::ip_literal;
  } else if (!read.server_name) {
    hello.why = Hello::Why::no_sni;
  }
  reader_.reset();
  return hello;
}

std::optional<Hello> Introduction::feed_cleartext() {
  const auto said = as_text(octets_).substr(0, kHttp2Preface.size());
  const bool may_be_http2 = kHttp2Preface.starts_with(said);
  if (may_be_http2 && said.size() < kHttp2Preface.size()) {
    return std::nullopt;
  }
  offers_ = {std::string(may_be_http2 ? kHttp2 : kHttp11)};
  return Hello{Hello::Why::named, cleartext_host_};
}

// No client of note sends more than its hello before the server has answered; one that does must
// not fill our memory.
bool Introduction::hold(Bytes in) {
  if (octets_.size() + in.size() > kMaxHeld) {
    return false;
  }
  append(octets_, in);
  return true;
}

Buffer Introduction::take_octets() {
  return std::exchange(octets_, {});
}

void Introduction::offer_only_http() {
  std::erase_if(offers_, [](const std::string& protocol) {
    return protocol != kHttp2 && protocol != kHttp11;
  });
}

}  // namespace agp::relay
