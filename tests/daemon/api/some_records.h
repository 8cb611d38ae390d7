#pragma once

#include "daemon/usage/record.h"

#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <string>

namespace agp::api::test {

/// A record with a value in every field.
inline usage::Record full_record() {
  using std::chrono::seconds;
  usage::Record record;
  record.id = "01J9ZZZZZZZZZZZZZZZZZZZZZZ";
  record.sequence = 17;
  record.started_at = usage::Micros(seconds(1'795'320'000));
  record.first_byte_at = record.started_at + std::chrono::microseconds(250'000);
  record.ended_at = record.started_at + seconds(2);
  record.host = "daily-cloudcode-pa.googleapis.com";
  record.path = "/v1internal:streamGenerateContent";
  record.protocol = "h2";
  record.local_uid = 990;
  record.owner_uid = 1000;
  record.instance = "ls-1";
  record.request_kind = usage::RequestKind::agent;
  record.cascade_id = "c-1";
  record.cascade_source = usage::CascadeSource::exact;
  record.cascade_evidence = "request_id";
  record.cascade_confirmed = true;
  record.trajectory_id = "t-1";
  record.step_index = 3;
  record.bytes_in = 4096;
  record.bytes_out = 1024;
  record.http_status = 200;
  record.stream = true;
  record.model = "gemini-3-flash";
  record.model_source = usage::ModelSource::response;
  record.request_model = "gemini-flash-latest";
  record.response_id = "r-1";
  record.request_id = "q-1";
  record.trace_id = "trace-1";
  record.outcome = usage::Outcome::ok;
  record.finish = usage::Finish::tool_use;
  record.finish_raw = "STOP";
  record.usage_state = usage::UsageState::final;
  usage::Usage counts;
  counts.input_total = 9001;
  counts.input_uncached = 809;
  counts.cached_input = 8192;
  counts.output_total = 141;
  counts.reasoning = 64;
  counts.total = 9142;
  counts.reported_total = 9142;
  counts.cache_write_by_ttl = {{"5m", 0}};
  counts.input_by_modality = {{"text", 9001}};
  counts.output_by_modality = {{"text", 141}};
  counts.cached_by_modality = {{"text", 8192}};
  record.usage = counts;
  record.service_tier = "standard";
  record.tool_calls = {"read_file", "edit"};
  record.server_tools = {{"web_search", 2}};
  record.modifiers = {"fast", "us"};
  record.credits_consumed = 5;
  record.additional_usage = {{"compaction", "claude-x", counts}};
  record.reported = {{"promptTokenCount", 9001}, {"totalTokenCount", 9142}};
  record.cost = usage::Cost{4'948'400'000, "2026-09-23", true};
  record.error = usage::CallError{"overloaded", "529"};
  record.closed_by = usage::Closer::client;
  record.flags = {"bad_event", "total_mismatch"};
  return record;
}

/// Texts that have been trouble for somebody.
inline std::string awkward_text(std::mt19937& random) {
  static const std::string kParts[] = {"",
                                       "=1+1",
                                       "+",
                                       "-2",
                                       "@SUM(A1)",
                                       "\"",
                                       "\"\"",
                                       ",",
                                       ";",
                                       "\r\n",
                                       "\n",
                                       "\r",
                                       "\t",
                                       "'",
                                       "''",
                                       " ",
                                       "a",
                                       "\xC3\xA9",
                                       "\xFF",
                                       "\xEF\xBC\x9D",
                                       std::string(1, '\0'),
                                       "\\",
                                       "{\"a\":1}",
                                       "\x1b[2J",
                                       "\xE2\x80\xA8",
                                       "null",
                                       "0"};
  std::string out;
  const auto count = random() % 5;
  for (std::size_t i = 0; i < count; ++i) {
    out += kParts[random() % std::size(kParts)];
  }
  return out;
}

/// A record with some fields, whose texts are awkward.
inline usage::Record random_record(std::mt19937& random) {
  auto record = full_record();
  const auto maybe = [&](auto& field) {
    if (random() % 2 == 0) {
      field.reset();
    }
  };
  maybe(record.first_byte_at);
  maybe(record.local_uid);
  maybe(record.owner_uid);
  maybe(record.cascade_id);
  maybe(record.trajectory_id);
  maybe(record.step_index);
  maybe(record.http_status);
  maybe(record.model_source);
  maybe(record.request_model);
  maybe(record.finish);
  maybe(record.usage);
  maybe(record.server_tools);
  maybe(record.credits_consumed);
  maybe(record.cost);
  maybe(record.error);
  maybe(record.closed_by);
  if (record.usage) {
    maybe(record.usage->reasoning);
    maybe(record.usage->reported_total);
    maybe(record.usage->cache_write_by_ttl);
    maybe(record.usage->input_by_modality);
  } else {
    record.usage_state = usage::UsageState::none;
  }
  record.host = awkward_text(random);
  record.path = awkward_text(random);
  record.instance = awkward_text(random);
  record.cascade_evidence = awkward_text(random);
  record.model = awkward_text(random);
  record.finish_raw = awkward_text(random);
  record.tool_calls = {awkward_text(random), awkward_text(random)};
  record.reported = {{awkward_text(random), random()}};
  record.flags = {awkward_text(random)};
  return record;
}

}  // namespace agp::api::test
