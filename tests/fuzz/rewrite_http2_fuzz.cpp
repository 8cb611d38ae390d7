// One HTTP/2 connection through the rewriting relay, with an honest peer on one side and the
// input on the other. What the honest peer gets is valid, decided on, and in proportion.
//
// Input: first octet (bit 0: the input is upstream, else the client; bit 1: rules edit bodies),
// then octets in pieces of a length byte each.

#include "tests/daemon/rewrite/http2_peer.h"
#include "tests/daemon/rewrite/support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace agp;
using namespace agp::rewrite;

void expect(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "rewrite_http2: %s\n", what);
    std::abort();
  }
}

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const bool is_upstream = (data[0] & 1) != 0;
  FakeRules rules;
  rules.blocked = {"/b"};
  if ((data[0] & 2) != 0) {
    rules.body.models = {{"a", "b"}};
  }
  const auto relay = Relay::make(Protocol::http2, {"api.example.com"}, &rules);
  Http2Peer honest(is_upstream ? Http2Peer::Role::client : Http2Peer::Role::server);
  const Peer honest_side = is_upstream ? Peer::client : Peer::upstream;
  const Peer input_side = is_upstream ? Peer::upstream : Peer::client;
  std::size_t output = 0;
  std::size_t answered = 0;
  bool is_valid = true;
  const auto exchange = [&] {
    for (bool more = true; more;) {
      const std::string said = honest.take();
      relay->on_bytes(honest_side, as_bytes(said));
      const Buffer to_honest = relay->take_output(honest_side);
      const Buffer to_input = relay->take_output(input_side);
      output += to_honest.size() + to_input.size();
      is_valid = honest.feed(to_honest) && is_valid;
      more = !said.empty() || !to_honest.empty() || !to_input.empty();
      if (!is_upstream) {
        for (auto& [id, message] : honest.got) {
          if (message.ended && !message.closed && static_cast<std::size_t>(id) > answered) {
            answered = static_cast<std::size_t>(id);
            honest.respond(id, {{":status", "200"}}, true);
            honest.send(id, "ok", true);
            more = true;
          }
        }
      }
    }
    (void)relay->take_events();
  };
  if (is_upstream) {
    for (int i = 0; i < 3; ++i) {
      const std::int32_t id = honest.request({{":method", "POST"},
                                              {":scheme", "https"},
                                              {":authority", "api.example.com"},
                                              {":path", "/a"}},
                                             true);
      honest.send(id, "hello", i != 0);
    }
  }
  exchange();
  if (!is_upstream) {
    relay->on_bytes(Peer::client, as_bytes(kPreface));
  }
  Bytes left(data + 1, size - 1);
  while (!left.empty()) {
    const std::size_t length = left.front();
    left = left.subspan(1);
    const Bytes piece = left.first(std::min(length, left.size()));
    left = left.subspan(piece.size());
    relay->on_bytes(input_side, piece);
    exchange();
  }
  relay->on_end(input_side);
  exchange();
  expect(is_valid, "the honest peer got what is no HTTP/2");
  if (!is_upstream) {
    expect(honest.got.size() <= rules.checked.size(), "more came out than was decided on");
    for (const auto& [id, message] : honest.got) {
      for (std::size_t i = 0; i < message.heads.size(); ++i) {
        const Field* path = find(message.heads[i], ":path");
        const Field* authority = find(message.heads[i], ":authority");
        expect(i > 0 || (path != nullptr && !path->value.starts_with("/b")),
               "a blocked path reached upstream");
        expect(
            i > 0 || (authority != nullptr && names_host(authority->value, "api.example.com", 443)),
            "a wrong authority reached upstream");
      }
    }
  }
  expect(output <= 64 * size + 65536, "output out of proportion");
  return 0;
}
