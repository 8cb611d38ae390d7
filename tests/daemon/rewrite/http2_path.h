#pragma once

#include "daemon/rewrite/http2_relay.h"
#include "tests/daemon/rewrite/http2_peer.h"
#include "tests/daemon/rewrite/support.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace agp::rewrite {

/// Client, relay, upstream; octets cross in pieces of `piece`.
struct Path {
  explicit Path(const Rules* rules,
                Options options = {"api.example.com"},
                std::vector<nghttp2_settings_entry> upstream_settings = {},
                bool client_reads = true,
                bool upstream_reads = true)
      : relay(std::move(options), rules),
        client(Http2Peer::Role::client, {}, client_reads),
        upstream(Http2Peer::Role::server, std::move(upstream_settings), upstream_reads) {}

  void run() {
    for (bool more = true; more;) {
      more = cross(Peer::client, client.take());
      more |= cross(Peer::upstream, upstream.take());
      const Buffer down = relay.take_output(Peer::client);
      const Buffer up = relay.take_output(Peer::upstream);
      client_ok = client.feed(down) && client_ok;
      upstream_ok = upstream.feed(up) && upstream_ok;
      more |= !down.empty() || !up.empty();
      most_held = std::max(most_held, relay.held_octets());
      for (Event& event : relay.take_events()) {
        events.push_back(std::move(event));
      }
    }
  }
  bool cross(Peer from, const std::string& octets) {
    for (std::size_t at = 0; at < octets.size(); at += piece) {
      relay.on_bytes(from, as_bytes(std::string_view(octets).substr(at, piece)));
    }
    return !octets.empty();
  }
  [[nodiscard]] bool is_closed() const {
    return relay.wants_close(Peer::client) && relay.wants_close(Peer::upstream);
  }

  Http2Relay relay;
  Http2Peer client;
  Http2Peer upstream;
  std::size_t piece = 1 << 20;
  std::size_t most_held = 0;
  bool client_ok = true;
  bool upstream_ok = true;
  std::vector<Event> events;
};

inline Fields get(std::string path = "/v1/a") {
  return {{":method", "GET"},
          {":scheme", "https"},
          {":authority", "api.example.com"},
          {":path", std::move(path)}};
}
inline Fields post(std::string path = "/v1/a") {
  Fields fields = get(std::move(path));
  fields[0].value = "POST";
  return fields;
}
inline const Fields kOk = {{":status", "200"}};

inline std::string status(const Http2Peer::Message& message) {
  for (const Fields& head : message.heads) {
    const Field* field = find(head, ":status");
    if (field != nullptr && field->value[0] != '1') {
      return field->value;
    }
  }
  return "none";
}

}  // namespace agp::rewrite
