#include "daemon/http2/reader.h"

#include <cstdlib>

// Input: pieces, each headed by an octet whose lowest
// bit is the direction and whose rest is its size. HPACK is reached through the field blocks.
namespace {

using agp::Bytes;
using namespace agp::http2;

class One final : public StreamSink {
 public:
  void on_request_body(Bytes body) override { octets_.request += body.size(); }
  void on_request_end() override {}
  void on_response_begin() override {}
  void on_response(const Head& head) override { (void)head.field("content-type"); }
  void on_response_body(Bytes body) override { octets_.response += body.size(); }
  void on_trailers(Direction, const Head& trailers) override { (void)trailers.field("x"); }
  void on_client_end(Octets) override {}
  void on_end(StreamEnd, Octets octets) override {
    if (has_ended_ || octets.request < octets_.request || octets.response < octets_.response) {
      std::abort();
    }
    has_ended_ = true;
  }

 private:
  Octets octets_;
  bool has_ended_ = false;
};

class All final : public Sink {
 public:
  void on_request_begin() override {}
  std::unique_ptr<StreamSink> on_request(StreamId id, const Head& head) override {
    for (const Field& field : head.fields) {
      if (field.name.starts_with(':')) {
        std::abort();
      }
    }
    return id % 4 == 1 ? std::make_unique<One>() : nullptr;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  All sink;
  ConnectionReader reader(&sink);
  Bytes in(data, size);
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  reader.feed(Direction::request, agp::as_bytes(kPreface));
  while (!in.empty()) {
    const Direction direction = in[0] % 2 == 0 ? Direction::request : Direction::response;
    const std::size_t n = std::min<std::size_t>(in[0] / 2 + 1u, in.size() - 1);
    const Bytes piece = in.subspan(1, n);
    const std::vector<std::uint8_t> owned(piece.begin(), piece.end());
    reader.feed(direction, owned);
    in = in.subspan(1 + n);
  }
  reader.finish(Direction::request);
  reader.finish(Direction::response);
  if (reader.followed_streams() != 0) {
    std::abort();
  }
  return 0;
}
