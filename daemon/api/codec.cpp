#include "daemon/api/codec.h"

#include <cstdio>
#include <limits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

namespace agp::api {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

using Parser = http::request_parser<http::string_body>;

std::string text(beast::string_view view) {
  return {view.data(), view.size()};
}

// The status line and the headers that every answer carries, without the end of the head.
std::string head_of(const Response& response, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += text(http::obsolete_reason(static_cast<http::status>(response.status)));
  out += "\r\nServer: antigravity-proxy\r\nContent-Type: " + response.content_type;
  out += "\r\nCache-Control: " + response.cache_control;
  out += "\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) {
    out += name + ": " + value + "\r\n";
  }
  return out + (keep_alive ? "" : "Connection: close\r\n");
}

ApiError failure_of(beast::error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431,
            "invalid_request_error",
            "head_too_large",
            "the request line and headers are too large",
            "send fewer or shorter headers",
            ""};
  }
  if (error == http::error::body_limit) {
    return {413,
            "invalid_request_error",
            "body_too_large",
            "the request body is too large",
            "send a shorter input",
            ""};
  }
  return {400, "invalid_request_error", "malformed_request", "this is not HTTP/1.1", "", ""};
}

}  // namespace

struct RequestReader::Impl {
  Impl(std::size_t most_head, std::size_t most_body)
      : head_limit(most_head), body_limit(most_body) {
    start();
  }

  void start() {
    parser.emplace();
    // The limit of the parser is one on the parsed octets; the one on the buffer is in advance().
    parser->header_limit(static_cast<std::uint32_t>(head_limit));
    parser->body_limit(body_limit);
    parser->eager(false);
    head_done = false;
    body_wanted = false;
  }

  void note_head() {
    const auto& message = parser->get();
    head = Request{};
    head.method = text(message.method_string());
    for (const auto& field : message) {
      head.headers.emplace_back(text(field.name_string()), text(field.value()));
    }
    target = text(message.target());
    head_done = true;
  }

  Progress fail(beast::error_code error) {
    failure = failure_of(error);
    failed = true;
    return Progress::failed;
  }

  // False when the parser cannot go on with what is there.
  bool put(beast::error_code& error) {
    const auto used = parser->put(boost::asio::const_buffer(buffer.data(), buffer.size()), error);
    buffer.erase(0, used);
    if (error == http::error::need_more) {
      error = {};
      return false;
    }
    return !error && used > 0;
  }

  std::size_t head_limit;
  std::size_t body_limit;
  std::optional<Parser> parser;
  std::string buffer;
  Request head;
  std::string target;
  ApiError failure;
  bool head_done = false;
  bool body_wanted = false;
  bool failed = false;
};

RequestReader::RequestReader(std::size_t head_limit, std::size_t body_limit)
    : impl_(std::make_unique<Impl>(head_limit, body_limit)) {}
RequestReader::~RequestReader() = default;

void RequestReader::feed(Bytes octets) {
  impl_->buffer += as_text(octets);
}

RequestReader::Progress RequestReader::advance() {
  auto& self = *impl_;
  if (self.failed) {
    return Progress::failed;
  }
  beast::error_code error;
  while (!self.head_done) {
    const bool moved = !self.buffer.empty() && self.put(error);
    if (error) {
      return self.fail(error);
    }
    if (self.parser->is_header_done()) {
      self.note_head();
    } else if (!moved) {
      return self.buffer.size() > self.head_limit ? self.fail(http::error::header_limit)
                                                  : Progress::needs_more;
    }
  }
  if (self.parser->is_done()) {
    return Progress::complete;
  }
  if (!self.body_wanted) {
    return Progress::head;
  }
  while (!self.parser->is_done()) {
    const bool moved = !self.buffer.empty() && self.put(error);
    if (error) {
      return self.fail(error);
    }
    if (!moved && !self.parser->is_done()) {
      return Progress::needs_more;
    }
  }
  return Progress::complete;
}

void RequestReader::read_body() {
  impl_->body_wanted = true;
}

bool RequestReader::has_leftover() const {
  return !impl_->buffer.empty();
}
const Request& RequestReader::head() const {
  return impl_->head;
}
const std::string& RequestReader::target() const {
  return impl_->target;
}
bool RequestReader::wants_keep_alive() const {
  return impl_->parser->get().keep_alive();
}

bool RequestReader::knows_chunks() const {
  return impl_->parser->get().version() >= 11;
}

bool RequestReader::expects_continue() const {
  const auto values = impl_->head.header("Expect");
  return values.size() == 1 &&
         beast::iequals(beast::string_view(values[0].data(), values[0].size()), "100-continue");
}

std::string RequestReader::take_body() {
  return std::move(impl_->parser->get().body());
}
const ApiError& RequestReader::failure() const {
  return impl_->failure;
}
void RequestReader::next() {
  impl_->start();
}

std::string to_octets(const Response& response, bool keep_alive, bool head_only) {
  auto out = head_of(response, keep_alive);
  // A length would be that of the document which 304 leaves out. Source: RFC 9110, section 8.6.
  if (response.status != 304) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  out += "\r\n";
  return head_only ? out : out + response.body;
}

std::string to_open_head(const Response& response, bool keep_alive, bool chunked) {
  return head_of(response, keep_alive && chunked) +
         (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
}

std::string to_chunk(std::string_view part) {
  if (part.empty()) {
    return {};
  }
  char size[32];
  (void)std::snprintf(size, sizeof size, "%zx\r\n", part.size());
  std::string out = size;
  out += part;
  return out + "\r\n";
}

}  // namespace agp::api
