#include "daemon/relay/observer.h"
#include "tests/fuzz/fuzz.h"

#include <string>

/// Input: what the client sent, a line "=====", what upstream sent.

namespace {

using namespace agp;

std::vector<usage::Record> read(Bytes client, Bytes upstream, fuzz::Split split) {
  relay::ConnectionFacts facts;
  facts.host = "daily-cloudcode-pa.googleapis.com";
  facts.protocol = "http/1.1";
  relay::Observer observer(facts);
  const usage::Micros now{};
  fuzz::feed_split(client, split,
                   [&](Bytes piece) { observer.on_bytes(relay::Side::client, piece, now); });
  fuzz::feed_split(upstream, split,
                   [&](Bytes piece) { observer.on_bytes(relay::Side::upstream, piece, now); });
  observer.on_end(relay::Side::upstream, relay::End::clean, now);
  observer.on_end(relay::Side::client, relay::End::clean, now);
  std::vector<usage::Record> records;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  while (auto record = observer.next_record()) {
    bytes_in += record->bytes_in;
    bytes_out += record->bytes_out;
    fuzz::require(record->usage.has_value() == (record->usage_state != usage::UsageState::none),
                  "unknown usage is not zero");
    records.push_back(std::move(*record));
  }
  fuzz::require(bytes_in <= upstream.size() && bytes_out <= client.size(),
                "no octet is counted twice");
  return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [client, upstream] = fuzz::part({data, size}, "=====\n");
  const auto whole = read(client, upstream, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits({data, size})) {
    fuzz::require(read(client, upstream, split) == whole, "any split is equivalent");
  }
  return 0;
}
