#pragma once

#include "daemon/usage/limits.h"
#include "daemon/usage/response_reader.h"
#include "tests/fuzz/fuzz.h"

#include <string>
#include <string_view>

/// What a target of a wire's response reader checks. Input: the value of Content-Type, a line feed,
/// the decoded body.
namespace agp::fuzz {

inline usage::Record read_response(usage::Wire wire,
                                   std::string_view type,
                                   Bytes body,
                                   Split split) {
  usage::ResponseFacts facts;
  facts.content_type = std::string(type);
  const auto reader = usage::make_response_reader(wire, facts);
  feed_split(body, split, [&](Bytes piece) { reader->feed(piece); });
  reader->finish();
  usage::Record record;
  reader->fill(&record);
  record.outcome = reader->has_ended() ? usage::Outcome::ok : usage::Outcome::partial;
  require(record.usage.has_value() == reader->has_usage(), "usage is there when it was seen");
  require(!reader->has_final_counts() || reader->has_ended(),
          "final numbers are of an ended answer");
  return record;
}

inline void check_usage(const usage::Usage& usage, const usage::Record& record) {
  require(usage.total == usage.input_total + usage.output_total, "the total is the sum");
  require(usage.input_total <= 4 * usage::kMaxCount, "counts have a limit");
  require(usage.tool_use_prompt <= usage.input_total, "tools are part of the input");
  if (!record.flags.contains("partition_mismatch")) {
    require(usage.cached_input + usage.cache_write + usage.input_uncached == usage.input_total,
            "the parts of the input are the whole input");
    require(usage.reasoning.value_or(0) <= usage.output_total, "reasoning is part of the output");
  }
}

inline void check_response(const usage::Record& record) {
  if (record.usage) {
    check_usage(*record.usage, record);
    require(record.flags.contains("total_mismatch") ==
                (record.usage->reported_total.value_or(record.usage->total) != record.usage->total),
            "another total is flagged");
  }
  for (const usage::AdditionalUsage& more : record.additional_usage) {
    check_usage(more.usage, record);
  }
  require(record.usage || record.reported.empty(), "without usage no counters");
  require(record.additional_usage.size() <= usage::kMaxAdditionalUsage, "iterations have a limit");
  require(!record.model || record.model->size() <= usage::kMaxModelBytes, "a model is short");
  require(!record.response_id || record.response_id->size() <= usage::kMaxIdBytes,
          "an id is short");
  require(!record.finish_raw || record.finish_raw->size() <= usage::kMaxWordBytes,
          "a word is short");
  require(record.tool_calls.size() <= usage::kMaxToolNames, "tool names have a limit");
}

inline int fuzz_response(usage::Wire wire, const std::uint8_t* data, std::size_t size) {
  const auto [type, body] = part({data, size}, "\n");
  const usage::Record whole = read_response(wire, as_text(type), body, Split::whole);
  check_response(whole);
  for (const Split split : splits(body)) {
    require(read_response(wire, as_text(type), body, split) == whole, "any split is equivalent");
  }
  return 0;
}

}  // namespace agp::fuzz
