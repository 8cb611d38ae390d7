// One HTTP/1.1 connection through the rewriting relay. Whatever the two peers send, what upstream
// gets is read in one way only, a blocked path never reaches it, and output stays in proportion.
//
// Input: pieces, each with a first octet (bit 7: from upstream, bit 6: that peer ends after it,
// the rest: its length, 63 means all that is left).

#include "tests/daemon/rewrite/support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace agp;
using namespace agp::rewrite;

void expect(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "rewrite_http1: %s\n", what);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FakeRules rules;
  rules.blocked = {"/b"};
  if (size > 0 && (data[0] & 1) != 0) {
    rules.body.models = {{"a", "b"}};
    rules.body.system = BodyEdits::System::add;
    rules.body.system_text = "x";
  }
  Wire wire(&rules);
  Bytes left(data, size);
  left = left.subspan(std::min<std::size_t>(1, left.size()));
  bool is_upgraded = false;
  while (!left.empty()) {
    const unsigned control = left.front();
    left = left.subspan(1);
    const std::size_t length = (control & 63) == 63 ? left.size() : (control & 63);
    const Bytes piece = left.first(std::min(length, left.size()));
    left = left.subspan(piece.size());
    const Peer from = (control & 0x80) != 0 ? Peer::upstream : Peer::client;
    wire.send(from, as_text(piece));
    if ((control & 0x40) != 0) {
      wire.end(from);
    }
    is_upgraded = is_upgraded || wire.to_client.find("HTTP/1.1 101 ") != std::string::npos;
  }
  if (!is_upgraded) {
    // Each head that upstream reads was decided on, in that order.
    std::size_t requests = 0;
    Bytes rest = as_bytes(wire.to_upstream);
    while (!rest.empty()) {
      HeadReader reader(HeadReader::Kind::request);
      rest = rest.subspan(reader.feed(rest));
      expect(!reader.fault().has_value() && reader.is_done(), "a head in pieces or ambiguous");
      const Head head = reader.take();
      expect(!head.target.starts_with("/b"), "a blocked path reached upstream");
      const BodyShape shape = request_body_shape(head);
      expect(!shape.fault.has_value(), "ambiguous framing reached upstream");
      BodyReader body(shape, 400);
      while (!body.is_done() && !rest.empty()) {
        rest = rest.subspan(body.next(rest).used);
        expect(!body.fault().has_value(), "an ambiguous body reached upstream");
      }
      ++requests;
    }
    expect(requests <= rules.checked.size(), "more requests came out than were decided on");
  }
  expect(wire.to_client.size() + wire.to_upstream.size() <= 64 * size + 4096,
         "output out of proportion");
  return 0;
}
