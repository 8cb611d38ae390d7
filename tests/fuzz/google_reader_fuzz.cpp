#include "daemon/usage/google_reader.h"
#include "tests/fuzz/fuzz.h"

/// Input: the value of Content-Type, a line feed, the decoded body.

namespace {

using namespace agp;

usage::Record read(std::string_view type, Bytes body, fuzz::Split split) {
  usage::ResponseFacts facts;
  facts.content_type = std::string(type);
  usage::GoogleReader reader(facts);
  fuzz::feed_split(body, split, [&](Bytes piece) { reader.feed(piece); });
  reader.finish();
  usage::Record record;
  reader.fill(&record);
  record.outcome = reader.has_ended() ? usage::Outcome::ok : usage::Outcome::partial;
  fuzz::require(record.usage.has_value() == reader.has_usage(), "usage is there when it was seen");
  return record;
}

void check(const usage::Record& record) {
  if (record.usage) {
    const usage::Usage& usage = *record.usage;
    fuzz::require(usage.total == usage.input_total + usage.output_total, "the total is the sum");
    fuzz::require(usage.input_total <= 2 * usage::kMaxCount, "counts have a limit");
    fuzz::require(record.flags.contains("partition_mismatch") ||
                      usage.cached_input + usage.input_uncached == usage.input_total,
                  "cached and uncached input are the whole input");
  }
  fuzz::require(!record.model || record.model->size() <= usage::kMaxModelBytes, "a model is short");
  fuzz::require(!record.trace_id || record.trace_id->size() <= usage::kMaxIdBytes,
                "an id is short");
  fuzz::require(record.tool_calls.size() <= usage::kMaxToolNames, "tool names have a limit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [type, body] = fuzz::part({data, size}, "\n");
  const usage::Record whole = read(as_text(type), body, fuzz::Split::whole);
  check(whole);
  for (const fuzz::Split split : fuzz::splits(body)) {
    fuzz::require(read(as_text(type), body, split) == whole, "any split is equivalent");
  }
  return 0;
}
