#include "daemon/ledger/schema.h"

#include "daemon/ledger/rollup_schema.h"

namespace agp::ledger {
namespace {

// Times are microseconds since the epoch, UTC. NULL is "not known" everywhere. `input_total` to
// `total` are NULL together when the usage of a call is unknown. The ULID sorts by time, so the
// table without rowid is kept in about the order of arrival.
constexpr const char* kStep1 = R"sql(
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
)sql";

// From here on `sequence` is the order of commits: what is committed later comes later, so a reader
// that has all up to N misses nothing by asking for what is above N. AUTOINCREMENT never gives a
// number twice, not even after the newest record was deleted. Step 1's columns for cost were never
// written. `cost_pico_usd` is in 10^-12 USD and NULL together with `price_version`.
constexpr const char* kStep2 = R"sql(
CREATE TABLE record_2 (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
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
  cascade_evidence TEXT NOT NULL,
  cascade_confirmed INTEGER NOT NULL,
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
  server_tools TEXT,
  speed TEXT,
  inference_geo TEXT,
  credits_consumed INTEGER,
  additional_usage TEXT,
  reported TEXT,
  cost_pico_usd INTEGER,
  price_version TEXT,
  price_aliased INTEGER NOT NULL,
  error_type TEXT,
  error_code TEXT,
  closed_by TEXT,
  flags TEXT
) STRICT;
INSERT INTO record_2 (id, started_at, first_byte_at, ended_at, host, path, protocol, local_uid,
  instance, request_kind, cascade_id, cascade_source, cascade_evidence, cascade_confirmed,
  trajectory_id, step_index, bytes_in, bytes_out, provider, api, http_status, stream, model,
  model_source, response_id, request_id, trace_id, outcome, finish, finish_raw, usage_state,
  input_total, input_uncached, cached_input, cache_write, tool_use_prompt, output_total, reasoning,
  total, reported_total, cache_write_by_ttl, input_by_modality, output_by_modality,
  cached_by_modality, service_tier, tool_calls, credits_consumed, price_aliased, error_type,
  error_code, flags)
SELECT id, started_at, first_byte_at, ended_at, host, path, protocol, local_uid,
  instance, request_kind, cascade_id, cascade_source, '', 0,
  trajectory_id, step_index, bytes_in, bytes_out, provider, api, http_status, stream, model,
  model_source, response_id, request_id, trace_id, outcome, finish, finish_raw, usage_state,
  input_total, input_uncached, cached_input, cache_write, tool_use_prompt, output_total, reasoning,
  total, reported_total, cache_write_by_ttl, input_by_modality, output_by_modality,
  cached_by_modality, service_tier, tool_calls, credits_consumed, 0, error_type,
  error_code, flags
FROM record ORDER BY id;
DROP TABLE record;
ALTER TABLE record_2 RENAME TO record;
CREATE INDEX record_started_at ON record (started_at);
CREATE INDEX record_cascade_id ON record (cascade_id) WHERE cascade_id IS NOT NULL;
)sql";

// Whose calls they are. Of the language servers' account older versions do not say for whom it
// worked: those rows stay without an owner, in records and sums alike, so that no ordinary user
// sees them. That account is known by its uid, and by what was recorded as a language server's own.
constexpr const char* kStep4 = R"sql(
CREATE TEMP TABLE agp_ls_account (uid INTEGER);
INSERT INTO agp_ls_account VALUES (@ls_uid@);
INSERT INTO agp_ls_account
  SELECT DISTINCT local_uid FROM record WHERE instance <> '';
DELETE FROM agp_ls_account WHERE uid IS NULL;
ALTER TABLE record ADD COLUMN owner_uid INTEGER;
UPDATE record SET owner_uid = local_uid WHERE local_uid NOT IN (SELECT uid FROM agp_ls_account);
DROP INDEX rollup_key_parts;
ALTER TABLE rollup_key ADD COLUMN owner_uid INTEGER;
UPDATE rollup_key SET owner_uid = local_uid
  WHERE local_uid NOT IN (SELECT uid FROM agp_ls_account);
CREATE INDEX rollup_key_parts
  ON rollup_key (model, provider, host, request_kind, local_uid, owner_uid);
DROP TABLE agp_ls_account;
)sql";

// What was left of the quota of a login at some moment. A share that is not known has no row.
constexpr const char* kStep5 = R"sql(
CREATE TABLE quota_series (
  id INTEGER PRIMARY KEY,
  owner_uid INTEGER NOT NULL,
  kind TEXT NOT NULL,
  quota_id TEXT NOT NULL,
  name TEXT NOT NULL,
  window TEXT NOT NULL,
  UNIQUE (owner_uid, kind, quota_id, name, window)
) STRICT;
CREATE TABLE quota_sample (
  series INTEGER NOT NULL,
  at INTEGER NOT NULL,
  remaining REAL NOT NULL CHECK (remaining BETWEEN 0 AND 1),
  resets_at INTEGER,
  PRIMARY KEY (series, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_sample_at ON quota_sample (at);
)sql";

// Which version of the program brought the ledger to its schema: what an older one, which refuses
// it, names to whoever has to install something. migration.cpp keeps its one row.
constexpr const char* kStep6 = R"sql(
CREATE TABLE written_by (version TEXT NOT NULL) STRICT;
)sql";

// Tokens by modality, of all time. Nothing is filled in from records: docs/adr/0031-modality.md.
// `input`, `output` and `cached` are parts of those sums of the key.
constexpr const char* kStep7 = R"sql(
CREATE TABLE modality (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE modality_sum (
  key INTEGER NOT NULL,
  modality INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  PRIMARY KEY (key, modality)
) STRICT, WITHOUT ROWID;
)sql";

// Which model was asked for, in records and sums alike. Of older ones nobody wrote it down.
constexpr const char* kStep8 = R"sql(
ALTER TABLE record ADD COLUMN request_model TEXT;
DROP INDEX rollup_key_parts;
ALTER TABLE rollup_key ADD COLUMN request_model TEXT;
CREATE INDEX rollup_key_parts
  ON rollup_key (model, provider, host, request_kind, local_uid, owner_uid, request_model);
)sql";

}  // namespace

std::span<const char* const> schema_steps() {
  static const char* const steps[] = {
      kStep1, kStep2, rollup_schema_step().c_str(), kStep4, kStep5, kStep6, kStep7, kStep8};
  return steps;
}

}  // namespace agp::ledger
