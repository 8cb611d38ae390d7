#include "daemon/relay/observer.h"
#include "daemon/usage/flags.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
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

/// How much comes out of a damaged coding before its fault is noticed depends on the split, so of
/// such a record only the fault itself is compared.
bool is_same(const usage::Record& one, const usage::Record& other) {
  const bool is_damaged = one.flags.contains(usage::flag::kDecodeError);
  return is_damaged == other.flags.contains(usage::flag::kDecodeError) &&
         (is_damaged || one == other);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [client, upstream] = fuzz::part({data, size}, "=====\n");
  const auto whole = read(client, upstream, fuzz::Split::whole);
  for (const fuzz::Split split : fuzz::splits({data, size})) {
    const auto other = read(client, upstream, split);
    fuzz::require(std::equal(other.begin(), other.end(), whole.begin(), whole.end(), is_same),
                  "any split is equivalent");
  }
  return 0;
}
