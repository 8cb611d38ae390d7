#pragma once

#include "daemon/usage/call.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// One response body through a call, as the relay would pass it on.
namespace agp::usage::test {

using Flags = std::set<std::string>;

struct Exchange {
  Wire wire = Wire::google;
  std::string body;
  std::string type = "text/event-stream";
  std::string coding;
  std::uint16_t status = 200;
  bool body_complete = true;
  std::string request = R"({"model":"asked-for"})";
};

/// @param cuts  where the body is parted, in rising order. Every piece is a heap block of exactly
///              its size, so that reading past it is seen.
inline Record read(const Exchange& exchange, const std::vector<std::size_t>& cuts = {}) {
  Call call(Endpoint{Provider::google, Api::code_assist, exchange.wire, false, ""}, CallFacts());
  call.on_request_body(as_bytes(exchange.request));
  call.on_request_end();
  ResponseFacts facts;
  facts.http_status = exchange.status;
  facts.content_type = exchange.type;
  facts.content_encoding = exchange.coding;
  call.on_response_head(facts);
  std::size_t from = 0;
  const auto feed_to = [&](std::size_t to) {
    const std::vector<char> piece(exchange.body.begin() + static_cast<std::ptrdiff_t>(from),
                                  exchange.body.begin() + static_cast<std::ptrdiff_t>(to));
    call.on_response_body(as_bytes({piece.data(), piece.size()}), {});
    from = to;
  };
  for (const std::size_t cut : cuts) {
    feed_to(cut);
  }
  feed_to(exchange.body.size());
  Call::End end;
  end.body_complete = exchange.body_complete;
  Record record = call.finish(end);
  record.pace.reset();  // noise comes in chunks as well; pace_test looks at it
  return record;
}

inline Record read(Wire wire,
                   const std::string& body,
                   const std::string& type = "text/event-stream") {
  Exchange exchange;
  exchange.wire = wire;
  exchange.body = body;
  exchange.type = type;
  return read(exchange);
}

inline std::string event(const std::string& json) {
  return "data: " + json + "\n\n";
}

inline std::string named(const std::string& name, const std::string& json) {
  return "event: " + name + "\ndata: " + json + "\n\n";
}

inline constexpr const char* kJson = "application/json";

}  // namespace agp::usage::test
