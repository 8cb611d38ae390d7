#include "daemon/http1/reader.h"
#include "tests/fuzz/fuzz.h"

#include <string>

/// Input: what the client sent, a line "=====", what upstream sent.

namespace {

using namespace agp;

/// Bodies are joined, so that the log does not depend on the reads.
class Log final : public http1::Sink {
 public:
  void on_begin(http1::Direction direction) override {
    text += direction == http1::Direction::request ? "<" : ">";
  }
  void on_request(const http1::Head& head) override {
    text.append(head.method).append(" ").append(head.target).append(head.codings());
  }
  void on_request_body(Bytes piece) override {
    body += as_text(piece);
    request_body += piece.size();
  }
  void on_request_end(std::uint64_t octets) override { end(&request_octets, octets); }
  void on_response(const http1::Head& head) override {
    fuzz::require(head.status >= 101 && head.status <= 999, "a status has three digits");
    text.append(std::to_string(head.status)).append(head.codings());
  }
  void on_response_body(Bytes piece) override {
    body += as_text(piece);
    response_body += piece.size();
  }
  void on_response_end(std::uint64_t octets, http1::BodyEnd how) override {
    end(&response_octets, octets);
    text += how == http1::BodyEnd::complete ? "." : "!";
  }

  std::string text, body;
  std::uint64_t request_octets = 0, response_octets = 0, request_body = 0, response_body = 0;

 private:
  void end(std::uint64_t* sum, std::uint64_t octets) {
    *sum += octets;
    text.append("[").append(body).append("]").append(std::to_string(octets));
    body.clear();
  }
};

std::string read(Bytes client, Bytes upstream, fuzz::Split split) {
  Log log;
  http1::ConnectionReader reader(&log);
  fuzz::feed_split(client, split,
                   [&](Bytes piece) { reader.feed(http1::Direction::request, piece); });
  fuzz::feed_split(upstream, split,
                   [&](Bytes piece) { reader.feed(http1::Direction::response, piece); });
  fuzz::require(reader.open_octets(http1::Direction::request) + log.request_octets <= client.size(),
                "no octet of a request is counted twice");
  reader.finish(http1::Direction::response, true);
  fuzz::require(log.response_octets <= upstream.size(), "no octet of a response is counted twice");
  fuzz::require(log.request_body <= client.size() && log.response_body <= upstream.size(),
                "a body is no longer than its message");
  return log.text + log.body + (reader.is_unparsed() ? "unparsed" : "") +
         (reader.is_upgraded() ? "upgraded" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [client, upstream] = fuzz::part({data, size}, "=====\n");
  const std::string whole = read(client, upstream, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits({data, size})) {
    fuzz::require(read(client, upstream, split) == whole, "any split is equivalent");
  }
  return 0;
}
