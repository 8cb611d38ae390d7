#pragma once

#include "tests/daemon/ledger/support.h"

namespace agp::ledger::test {

/// Every field has a value, none of them the default.
inline usage::Record full_record() {
  auto record = call("01A", "gemini-3-pro", 10, 20);
  record.sequence = 1;
  record.first_byte_at = at(kMorning + 1);
  record.instance = "ls-1";
  record.request_kind = usage::RequestKind::checkpoint;
  record.cascade_id = "c-1";
  record.cascade_source = usage::CascadeSource::exact;
  record.cascade_evidence = "trajectory_id";
  record.cascade_confirmed = true;
  record.trajectory_id = "t-1";
  record.step_index = 7;
  record.bytes_in = 1234;
  record.bytes_out = 567;
  record.provider = usage::Provider::openai;
  record.api = usage::Api::responses;
  record.http_status = 200;
  record.stream = true;
  record.model_source = usage::ModelSource::url;
  record.request_model = "gemini-pro-latest";
  record.response_id = "r";
  record.request_id = "q";
  record.trace_id = "t";
  record.finish = usage::Finish::cancelled;
  record.finish_raw = "CANCELLED";
  record.usage->reported_total = 31;
  record.usage->cache_write_by_ttl = {{"5m", 1}, {"1h", 2}};
  record.usage->input_by_modality = {{"text", 10}};
  record.usage->output_by_modality = {{"image \"x\"", 20}};
  record.usage->cached_by_modality = std::map<std::string, std::uint64_t>{};
  record.service_tier = "priority";
  record.tool_calls = {"b", "a", "b"};
  record.server_tools = {{"web_search", 2}};
  record.modifiers = {"fast", "us"};
  record.credits_consumed = 3;
  usage::AdditionalUsage more;
  more.kind = "compaction \\ \"x\"\n";
  more.model = "claude";
  more.usage = *record.usage;
  more.usage.input_total = ~std::uint64_t{0};
  more.usage.reasoning = 5;
  record.additional_usage = {more, {"advisor_message", std::nullopt, {}}};
  record.reported = {{"promptTokenCount", 10}, {"prompt_tokens_details.cached_tokens", 0}};
  record.cost = usage::Cost{1'234'567'890'123, "2026-11-20", true};
  record.closed_by = usage::Closer::upstream;
  record.error = usage::CallError{"overloaded", "529"};
  record.flags = {"total_mismatch", "bad_number"};
  return record;
}

}  // namespace agp::ledger::test
