#pragma once

#include "daemon/ledger/sqlite.h"

#include <string>

#include <gtest/gtest.h>

/// A ledger as version 1 of the schema left it on disk. Frozen: never edit this text.
namespace agp::ledger::test {

inline constexpr const char* kVersion1 = R"sql(
PRAGMA journal_mode = WAL;
CREATE TABLE record (
  id TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL,
  first_byte_at INTEGER,
  ended_at INTEGER NOT NULL,
  host TEXT NOT NULL,
  path TEXT NOT NULL,
  protocol TEXT NOT NULL,
  local_uid INTEGER,
  instance TEXT NOT NULL,
  request_kind TEXT NOT NULL,
  cascade_id TEXT,
  cascade_source TEXT NOT NULL,
  trajectory_id TEXT,
  step_index INTEGER,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  provider TEXT NOT NULL,
  api TEXT NOT NULL,
  http_status INTEGER,
  stream INTEGER NOT NULL,
  model TEXT,
  model_source TEXT,
  response_id TEXT,
  request_id TEXT,
  trace_id TEXT,
  outcome TEXT NOT NULL,
  finish TEXT,
  finish_raw TEXT,
  usage_state TEXT NOT NULL,
  input_total INTEGER,
  input_uncached INTEGER,
  cached_input INTEGER,
  cache_write INTEGER,
  tool_use_prompt INTEGER,
  output_total INTEGER,
  reasoning INTEGER,
  total INTEGER,
  reported_total INTEGER,
  cache_write_by_ttl TEXT,
  input_by_modality TEXT,
  output_by_modality TEXT,
  cached_by_modality TEXT,
  service_tier TEXT,
  tool_calls TEXT,
  credits_consumed INTEGER,
  error_type TEXT,
  error_code TEXT,
  flags TEXT,
  cost_usd REAL,
  price_version TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX record_started_at ON record (started_at);
CREATE INDEX record_cascade_id ON record (cascade_id) WHERE cascade_id IS NOT NULL;
PRAGMA application_id = 1095192652;
PRAGMA user_version = 1;
)sql";

/// `count` records, each with 10 input, 3 output and 13 total tokens, ids from 00001 on, put in
/// from the last to the first.
inline void make_version_1(const std::string& file, int count) {
  auto database = sqlite::Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->exec(kVersion1));
  auto insert = database->prepare(
      "INSERT INTO record (id, started_at, ended_at, host, path, protocol, instance, request_kind,"
      " cascade_id, cascade_source, bytes_in, bytes_out, provider, api, stream, model, outcome,"
      " usage_state, input_total, input_uncached, cached_input, cache_write, tool_use_prompt,"
      " output_total, reasoning, total, input_by_modality, tool_calls, flags)"
      " VALUES (printf('%05d', ?1), 1795320000000000 + ?1, 1795320000000000 + ?1, 'host', '/path',"
      " 'h2', 'ls', 'agent', 'c-' || ?1, 'exact', 1, 2, 'google', 'code_assist', 1, 'flash', 'ok',"
      " 'final', 10, 10, 0, 0, 0, 3, NULL, 13, '{\"text\":10}', '[\"grep\"]', '[\"bad_json\"]')");
  ASSERT_TRUE(insert);
  for (int number = count; number > 0; --number) {
    insert->bind(1, static_cast<std::int64_t>(number));
    ASSERT_TRUE(insert->step());
    insert->reset();
  }
}

}  // namespace agp::ledger::test
